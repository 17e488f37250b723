"""Prefect flows, MLflow tracking and the command line: the only place that knows an orchestrator.

Importing this package sets what Prefect, MLflow, Ray and the Hugging Face libraries read from the
environment at their own import: no telemetry, nothing from the network, no stray processes.
"""

import logging
import os
from pathlib import Path

from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace, home, require_writable

_DEFAULTS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the flows tell errors themselves
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_HOME": str(home() / "prefect"),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # `hcfres ui` gives the links
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray warns of otherwise
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}

_NOT_IN_ADDRESSES = "?%"
"""What a path to a database may not have: its address means something else by them."""

for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)  # spconv's import warns of it


def make_home() -> None:
    """Make the workspace and Prefect's folder in it; Prefect, imported later, does not.

    Raises:
        StoreError: nothing can be written there, no database can be kept there, or the workspace
            is of another format.
    """
    folders = {"HCFRES_HOME": home(), "PREFECT_HOME": Path(os.environ["PREFECT_HOME"])}
    for named, folder in folders.items():
        _require_plain(folder, named)
        require_writable(folder, named)
        folder.mkdir(parents=True, exist_ok=True)
    Workspace().claim()


def _require_plain(folder: Path, named: str) -> None:
    """Refuse a folder a database in which would be looked for elsewhere."""
    for place in (folder.absolute(), folder.resolve()):
        if found := [sign for sign in _NOT_IN_ADDRESSES if sign in str(place)]:
            raise StoreError(
                f"{named} is {place}, and no database can be kept where a folder's name has "
                f"{' and '.join(found)} in it; name another folder"
            )
