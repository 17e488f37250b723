"""The embedded database one call at a time: where two meet, SQLite lets one of them sleep."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mlflow.entities import Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient

from flows.tracking.damage import damage_told

_FILES = ("log_text", "download_artifacts", "list_artifacts")
"""These read and write files, which need no turn."""


def in_turn(client: MlflowClient, database: Path) -> MlflowClient:
    """A client whose calls into the database wait for each other; threads may share it."""
    return cast(MlflowClient, _InTurn(client, database))


class _InTurn:
    """Has the methods of a client."""

    def __init__(self, client: MlflowClient, database: Path) -> None:
        self._client, self._database, self._turn = client, database, threading.Lock()
        self._places: dict[str, str] = {}
        """Where the artefacts of runs lie that were made here."""

    def create_run(self, *given: Any, **named: Any) -> Run:
        """As a client's."""
        run = self._call(self._client.create_run, given, named)
        self._places[run.info.run_id] = run.info.artifact_uri
        return cast(Run, run)

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """As a client's, which would read the whole run first to know where its artefacts lie."""
        if place := self._places.get(run_id):
            get_artifact_repository(place).log_artifact(local_path, artifact_path)
        else:
            self._client.log_artifact(run_id, local_path, artifact_path)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return (
            method if name in _FILES else lambda *given, **named: self._call(method, given, named)
        )

    def _call(self, method: Callable[..., Any], given: Any, named: Any) -> Any:
        with self._turn, damage_told(self._database):
            return method(*given, **named)
