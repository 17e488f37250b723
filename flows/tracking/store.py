"""Where runs are tracked (decision 164): this file alone decides, and no result depends on it.

By default an embedded database in the workspace; a team names a PostgreSQL or an MLflow server in
HCFRES_TRACKING. Nothing here imports MLflow. A password is in `uri` alone, which is never printed.
"""

import importlib.util
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from flows.tracking.stillness import limit_stillness
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace

TRACKING, ARTEFACTS = "HCFRES_TRACKING", "HCFRES_ARTEFACTS"
DATABASE = "mlflow.db"
"""The embedded database, in the workspace."""
_DRIVER = "postgresql+psycopg2"
_ANSWER_S = 10
_SILENCE = {
    "connect_timeout": str(_ANSWER_S),
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""In libpq's words; the last in milliseconds, the others in seconds and probes."""
_SERVED = "mlflow-artifacts:/"
_WAYS = (
    f"{_DRIVER}://USER@HOST:PORT/DATABASE, http://HOST:PORT of an MLflow server, or leave it out "
    "for the embedded database"
)


@dataclass(frozen=True)
class TrackingStore:
    """A place where runs are tracked."""

    kind: Literal["embedded", "postgresql", "server"]
    uri: str
    """As MLflow takes it; it may hold a password."""
    shown: str
    """What people and files are told: no user, no password, no options."""
    artefacts: str
    """The address that every artefact lies below."""

    @property
    def mark(self) -> str:
        """What a folder notes when all of it is logged here; "" for the embedded database."""
        return "" if self.kind == "embedded" else self.shown

    @property
    def is_shared(self) -> bool:
        """Whether others use it too, and it may go away."""
        return self.kind != "embedded"


def tracking_store(
    workspace: Workspace, environment: Mapping[str, str] = os.environ
) -> TrackingStore:
    """Read which store the environment names for a workspace.

    Raises:
        ConfigError: HCFRES_TRACKING names none, or HCFRES_ARTEFACTS no folder.
    """
    address = environment.get(TRACKING, "")
    return store_at(address, workspace, environment) if address else embedded_store(workspace)


def require_tracking(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse what the environment says wrongly of the store.

    Raises:
        ConfigError: as `tracking_store`.
    """
    if address := environment.get(TRACKING, ""):
        _shared(address, environment.get(ARTEFACTS), Path("/"), TRACKING)


def embedded_store(workspace: Workspace) -> TrackingStore:
    """The workspace's own database, absolute so that every process means the same file."""
    root = workspace.root.resolve()
    uri = f"sqlite:///{root / DATABASE}"
    return TrackingStore("embedded", uri, f"embedded ({root / DATABASE})", _folder(root))


def store_at(
    address: str,
    workspace: Workspace,
    environment: Mapping[str, str] = os.environ,
    named: str = TRACKING,
) -> TrackingStore:
    """The shared store at an address.

    Args:
        address: of a PostgreSQL database or an MLflow server.
        workspace: whose artefacts lie in it, of a database, unless HCFRES_ARTEFACTS names a place.
        environment: where HCFRES_ARTEFACTS is looked up.
        named: the variable or option that says it, for messages.

    Raises:
        ConfigError: it is no such address, or HCFRES_ARTEFACTS no absolute folder.
    """
    return _shared(address, environment.get(ARTEFACTS), workspace.root.resolve(), named)


def _shared(address: str, artefacts: str | None, root: Path, named: str) -> TrackingStore:
    try:
        parts = urlsplit(address)
        shown = _shown(parts)
    except ValueError:
        raise ConfigError(f"{named} is no address. Give {_WAYS}") from None
    if problem := _problem(parts):
        raise ConfigError(f"{named} is {shown}: {problem}")
    if parts.scheme in ("http", "https"):
        return TrackingStore("server", shown, shown, _SERVED)
    if artefacts is not None and not Path(artefacts).is_absolute():
        raise ConfigError(f"{ARTEFACTS} is {artefacts[:200]!r}: name the folder from / on")
    place = Path(artefacts).resolve().as_uri() if artefacts else _folder(root)
    return TrackingStore("postgresql", _impatient(parts), shown, place)


def _impatient(parts: SplitResult) -> str:
    """The address with limits to how long a silent network is believed; those it names stay."""
    return parts._replace(query=urlencode(_SILENCE | dict(parse_qsl(parts.query)))).geturl()


def _folder(root: Path) -> str:
    return (root / "mlartifacts").as_uri()


def shown_address(address: str) -> str:
    """An address as it may be told and kept: without user, password and options."""
    try:
        return _shown(urlsplit(address))
    except ValueError:
        return "no address"


def _shown(parts: SplitResult) -> str:
    """An address without user, password and options, and without what is no part of one."""
    if not re.fullmatch("[a-z0-9+.-]*", parts.scheme) or not parts.hostname:
        return "no address"
    if "@" in parts.path:
        raise ValueError("a password with a slash that was not escaped")
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}".rstrip("/")


def _problem(parts: SplitResult) -> str:
    """Say what is wrong with an address, and what would be right; "" where nothing is."""
    served, secrets = parts.scheme in ("http", "https"), parts.username or parts.password
    problems = {
        f"the driver is missing. Write {_DRIVER}://...": parts.scheme in ("postgresql", "postgres"),
        f"this is no place that runs can be tracked in. Give {_WAYS}": not parts.hostname
        or not (served or parts.scheme == _DRIVER),
        "the address of a server has neither a user nor options. Put them into "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD": served
        and bool(secrets or parts.query or parts.fragment),
        "the database is missing. Write its name behind the host: .../mlflow": not served
        and not parts.path.strip("/"),
        "its driver is not installed: pip install 'hcfres[services]'": not served
        and importlib.util.find_spec("psycopg2") is None,
    }
    return next((said for said, wrong in problems.items() if wrong), "")


def silence(store: TrackingStore) -> str:
    """Say why nobody answers at a store; "" where somebody does. Nothing is made there.

    From then on a database that stands still counts as one that is away.
    """
    if store.kind == "embedded":
        return ""
    return _silent_server(store.uri) if store.kind == "server" else _silent_database(store.uri)


def _silent_server(uri: str) -> str:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=_ANSWER_S) as answer:
            healthy = answer.status == 200 and answer.read(64).strip() == b"OK"
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}, not as MLflow does"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return "" if healthy else "what answers is not MLflow"


def _silent_database(uri: str) -> str:
    import psycopg2  # noqa: PLC0415  an extra, which only a shared database needs
    from sqlalchemy.engine import make_url  # noqa: PLC0415

    limit_stillness()
    told = make_url(uri).translate_connect_args(username="user", database="dbname")
    options = {**make_url(uri).query, **told}
    try:
        psycopg2.connect(**options).close()
    except psycopg2.Error as error:
        return str(error).strip()
    return ""
