"""One stage of one scene, with everything its key is made of."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from hcfres.config.base import Config
from hcfres.store.stage import Stage
from hcfres.store.store import Store, Stored

V = TypeVar("V")


@dataclass(frozen=True)
class Event:
    """Something that happened to a job."""

    stage: str
    label: str
    what: Literal["begun", "frame", "made", "found"]
    seconds: float = 0.0
    """Of making it."""
    frames: int = 0
    """Frames done, while a stage goes through them."""


Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Job(Generic[V]):
    """A result that is in the store or can be made; what it is made from is made when needed."""

    store: Store
    stage: Stage[V]
    label: str
    settings: Config | None
    inputs: tuple[str, ...]
    make: Callable[[], V]
    needs: tuple["Job[Any]", ...] = ()
    """The results that `make` reads: made before it, so that its seconds are its own."""
    progress: Progress = silent

    @cached_property
    def key(self) -> str:
        """Of the result, known before it is made."""
        return self.store.key(self.stage, self.settings, self.inputs)

    @property
    def folder(self) -> Path:
        """Where the result is, or will be."""
        return self.store.folder(self.stage, self.label, self.key)

    def find(self) -> Stored[V] | None:
        """The result if it is in the store."""
        return self.store.find(self.stage, self.label, self.key)

    def run(self) -> Stored[V]:
        """The result, made now if it is not in the store."""
        self._make_needed()
        stored = self.store.get_or_make(*self._asked())
        if not stored.made:
            self.progress(Event(self.stage.name, self.label, "found"))
        return stored

    def value(self) -> V:
        """The value of the result; a damaged one is made anew."""
        self._make_needed()
        value: V = self.store.value(*self._asked())
        return value

    def _make_needed(self) -> None:
        if self.find() is None:
            for job in self.needs:
                job.run()

    def _asked(self) -> tuple[Any, ...]:
        return self.stage, self.label, self.settings, self.inputs, self._reported

    def _reported(self) -> V:
        self.progress(Event(self.stage.name, self.label, "begun"))
        started = time.perf_counter()
        value = self.make()
        seconds = time.perf_counter() - started
        self.progress(Event(self.stage.name, self.label, "made", seconds))
        return value
