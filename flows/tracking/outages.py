"""Waiting for a shared store that went away (decision 165): bounded, and said in a line."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import requests
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE, ErrorCode
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from flows.live.screen import console_on
from flows.tracking.run_content import MOVED_FROM
from flows.tracking.run_notes import TOKEN
from flows.tracking.store import TrackingStore
from hcfres.store.errors import StoreError

T = TypeVar("T")

PATIENCE_S = 300.0
"""A restart of a database, or a short break of the network, is waited for."""
_LOGGED_LATER = (
    "Nothing is lost: what was computed lies in the workspace. Run the same command again when the "
    "store is back, and the rest is logged"
)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_UNREACHED = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.RetryError,
    OperationalError,
    InterfaceError,
)
_AWAY = ErrorCode.Name(TEMPORARILY_UNAVAILABLE)
_UNIQUE = {TOKEN, MOVED_FROM}
"""Tags of which no two runs that are made have the same."""


class StorePatience:
    """Does work again while its store is away; several threads may wait at once.

    They wait for one outage together: once that took too long, work is tried once, until some of it
    is answered.
    """

    def __init__(
        self,
        store: TrackingStore,
        seconds: float = PATIENCE_S,
        tell: Callable[[str], None] | None = None,
        called: str = "the tracking store",
        way_out: str = _LOGGED_LATER,
    ) -> None:
        """Begin with a store that is there.

        Args:
            store: named in what is said.
            seconds: how long a store may be away.
            tell: takes each line; by default it goes to standard error.
            called: what the store is, in what is said.
            way_out: what is not lost, and what to do, where it was away for too long.
        """
        self._store, self._seconds = store, seconds
        self._called, self._way_out = called, way_out
        self._tell = tell or _to_stderr
        self._lock = threading.Lock()
        self._away_since: float | None = None

    def see_through(self, work: Callable[[], T]) -> T:
        """Do what can be done twice, until the store answers.

        Raises:
            StoreError: it was away for too long.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                done = work()
            except Exception as error:
                if not is_away(error):
                    self._answers()  # a refusal is an answer
                    raise
                left = self._away(error) + self._seconds - time.monotonic()
                if left <= 0:
                    raise self._given_up(error) from error
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                self._answers()
                return done

    def _away(self, error: Exception) -> float:
        """Since when the store is away; the thread that sees it first tells."""
        with self._lock:
            if self._away_since is not None:
                return self._away_since
            since = self._away_since = time.monotonic()
        self._say(f"does not answer ({_reason(error)}); waiting up to {self._seconds:.0f} s")
        return since

    def _answers(self) -> None:
        """The store is there; where it was away, the thread that sees it first tells."""
        with self._lock:
            was_there = self._away_since is None
            self._away_since = None
        if not was_there:
            self._say("answers again")

    def _say(self, what: str) -> None:
        self._tell(f"{self._called} {self._store.shown} {what}")

    def _given_up(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self._called} {self._store.shown} did not answer for {self._seconds:.0f} s "
            f"({_reason(error)}). {self._way_out}"
        )


def patient(client: MlflowClient, patience: StorePatience) -> MlflowClient:
    """A client whose calls wait for the store; all that are in use may be made twice."""
    return cast(MlflowClient, _Patient(client, patience))


class _Patient:
    """Has the methods of a client."""

    def __init__(self, client: MlflowClient, patience: StorePatience) -> None:
        self._client, self._patience = client, patience

    def create_run(self, experiment_id: str, *, tags: dict[str, str], **named: Any) -> Run:
        """As a client's; a run that was made, though no answer said so, is not made again."""
        (unique,) = tags.keys() & _UNIQUE
        tries = itertools.count()

        def find_or_make() -> Run:
            asked = f"tags.`{unique}` = '{tags[unique]}'"
            found = self._client.search_runs([experiment_id], asked) if next(tries) else []
            return found[0] if found else self._client.create_run(experiment_id, tags=tags, **named)

        return self._patience.see_through(find_or_make)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *given, **named: self._patience.see_through(lambda: method(*given, **named))


def is_away(error: BaseException) -> bool:
    """Whether a store could not be reached, as against one that refused what it was asked."""
    return any(
        isinstance(one, _UNREACHED)
        or (isinstance(one, DBAPIError) and one.connection_invalidated)
        or (isinstance(one, MlflowException) and one.error_code == _AWAY)
        for one in behind(error)
    )


def behind(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised for, down to the first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _reason(error: BaseException) -> str:
    """The first line of what the driver said; else of what came first."""
    *_, first = behind(error)
    told = next((e.orig for e in behind(error) if isinstance(e, DBAPIError)), first)
    return (str(told).strip().splitlines() or [type(told).__name__])[0][:300]


def _to_stderr(line: str) -> None:
    console_on("stderr").print(f"[yellow]{line}[/]", highlight=False, soft_wrap=True)
