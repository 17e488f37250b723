"""Results by what decides them: found again, or made once, whole."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from hcfres.config.base import Config
from hcfres.config.identity import digest
from hcfres.store.arrays import load_arrays, save_arrays
from hcfres.store.entry import (
    RECORD,
    VALUE,
    Record,
    is_whole,
    kept_file,
    looks_whole,
    read_record,
)
from hcfres.store.errors import StoreError, writing_failed
from hcfres.store.files import sync_folder, write_atomic
from hcfres.store.locks import locked
from hcfres.store.stage import Stage

V = TypeVar("V")
State = Literal["done", "other code", "missing"]

BROKEN = ".broken"
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+=-]{0,99}")


@dataclass(frozen=True)
class Stored(Generic[V]):
    """A kept result."""

    key: str
    path: Path
    """Its folder."""
    made: bool
    """False when it was there already."""
    record: Record
    stage: Stage[V]
    own_code: bool
    """Whether today's code made it, or code known to make the same."""

    def load(self) -> V:
        """Read the value, after comparing every byte's hash with the record's.

        Raises:
            StoreError: it is damaged; its folder was moved aside, and the next run makes it anew.
        """
        if not is_whole(self.path, self.record):
            moved = _move_aside(self.path)
            raise StoreError(
                f"{self.path} is damaged: a file is not what was written. It was moved to {moved}; "
                "run the same command again and it is made anew"
            )
        return load_arrays(self.path / VALUE, self.stage.value)


def unnoticed(stored: Stored[Any]) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Store:
    """A folder of results, `<stage>/<label>-<key>/`."""

    root: Path
    accept_code: bool = False
    """Keep expensive results that other code made, and mark them so."""
    noticed: Callable[[Stored[Any]], None] = unnoticed
    """Told of every result whose value was read."""

    def key(
        self,
        stage: Stage[Any],
        settings: Config | None,
        inputs: tuple[str, ...],
        seed: int | None = None,
    ) -> str:
        """Identify a result by the stage's name and version, its settings, inputs and seed."""
        return digest(stage.name, stage.version, settings, len(inputs), *inputs, seed)

    def find(self, stage: Stage[V], label: str, key: str) -> Stored[V] | None:
        """A result that is there and looks whole; nothing is changed on the disk."""
        folder = self.folder(stage, label, key)
        record = read_record(folder)
        if record is None or record.key != key or not looks_whole(folder, record):
            return None
        return Stored(key, folder, False, record, stage, stage.is_own(record.fingerprint))

    def state(self, stage: Stage[Any], label: str, key: str) -> State:
        """Whether `get_or_make` would find a result, or what it would find instead."""
        found = self.find(stage, label, key)
        if found is None:
            return "missing"
        accepted = stage.expensive and self.accept_code
        return "done" if accepted or self._serves(found) else "other code"

    def get_or_make(
        self,
        stage: Stage[V],
        label: str,
        settings: Config | None,
        inputs: tuple[str, ...],
        make: Callable[[], V],
        *,
        seed: int | None = None,
    ) -> Stored[V]:
        """The result, made now if it is not there; of several askers at once one makes it.

        Args:
            label: what people call it, e.g. the scene; part of the folder's name, not of the key.
            inputs: keys of the results and hashes of the files that it is made from.

        Raises:
            StoreError: the disk is full, or an expensive result was made by other code.
        """
        key = self.key(stage, settings, inputs, seed)
        if (found := self.find(stage, label, key)) and self._serves(found):
            return found
        with locked(self.root / ".locks" / f"{stage.name}-{label}-{key}"):
            if found := self.find(stage, label, key):
                if self._serves(found):
                    return found
                if stage.expensive:
                    return self._accepted(found)
            started = time.perf_counter()
            value = make()
            record = Record(
                stage=stage.name,
                version=stage.version,
                key=key,
                label=label,
                seed=seed,
                inputs=inputs,
                settings=settings.model_dump(mode="json") if settings else {},
                fingerprint=stage.fingerprint(),
                accepted=(),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(time.perf_counter() - started, 3),
                files=(),
            )
            folder = self.folder(stage, label, key)
            return Stored(key, folder, True, _keep(folder, value, record), stage, True)

    def value(
        self,
        stage: Stage[V],
        label: str,
        settings: Config | None,
        inputs: tuple[str, ...],
        make: Callable[[], V],
        *,
        seed: int | None = None,
    ) -> V:
        """The value of `get_or_make`'s result; a damaged one is made anew at once."""
        stored = self.get_or_make(stage, label, settings, inputs, make, seed=seed)
        try:
            value = stored.load()
        except StoreError:
            if stored.made:
                raise
            stored = self.get_or_make(stage, label, settings, inputs, make, seed=seed)
            value = stored.load()
        self.noticed(stored)
        return value

    def entries(self) -> Iterator[Path]:
        """The folders of all results."""
        for stage in sorted(self.root.glob("[!.]*/")):
            yield from (path for path in sorted(stage.glob("[!.]*")) if path.is_dir())

    def verify(self) -> tuple[Path, ...]:
        """Read every result and compare hashes; the damaged ones, where they are now, aside."""
        damaged = []
        for folder in self.entries():
            record = read_record(folder)
            if record is None or not is_whole(folder, record):
                damaged.append(_move_aside(folder))
        return tuple(damaged)

    def _serves(self, found: Stored[Any]) -> bool:
        own = found.stage.fingerprint()
        return found.own_code or (own in found.record.accepted and found.stage.expensive)

    def _accepted(self, found: Stored[V]) -> Stored[V]:
        own = found.stage.fingerprint()
        if not self.accept_code:
            raise StoreError(
                f"{found.path} was made by other code of stage {found.stage.name!r} "
                f"(fingerprint {found.record.fingerprint}, now {own}) and took "
                f"{found.record.seconds:.0f} s. If the change has no effect on its result, run "
                "again with --accept-code; if it has, raise the stage's version"
            )
        record = replace(found.record, accepted=(*found.record.accepted, own))
        write_atomic(found.path / RECORD, record.told().encode())
        return replace(found, record=record)

    def folder(self, stage: Stage[Any], label: str, key: str) -> Path:
        """Where a result is kept.

        Raises:
            StoreError: no folder may be called like this.
        """
        if not _LABEL.fullmatch(label):
            raise StoreError(f"{label[:100]!r} cannot be part of a folder's name")
        return self.root / stage.name / f"{label}-{key}"


def _keep(folder: Path, value: Any, record: Record) -> Record:
    """Write value and record beside `folder` and rename them into place together.

    The caller holds the lock: what an interrupted maker left beside `folder` is dead.
    """
    for dead in folder.parent.glob(f".{folder.name}.*.partial"):
        shutil.rmtree(dead, ignore_errors=True)
    with _beside(folder) as partial:
        save_arrays(partial / VALUE, value)
        record = replace(record, files=(kept_file(partial / VALUE),))
        write_atomic(partial / RECORD, record.told().encode())
        if folder.exists():
            _move_aside(folder)
        partial.rename(folder)
        sync_folder(folder.parent)
    return record


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    name = f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}.partial"
    partial = folder.with_name(name)
    try:
        partial.mkdir(parents=True)
        yield partial
    except OSError as error:
        raise writing_failed(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move_aside(folder: Path) -> Path:
    """Take a result out of use without deleting it."""
    aside = folder.parent / BROKEN / f"{folder.name}.{secrets.token_hex(4)}"
    aside.parent.mkdir(exist_ok=True)
    folder.rename(aside)
    return aside
