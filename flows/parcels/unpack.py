"""`hcfres import`: a grid from another machine, all of it or nothing, and none of it is run.

Everything is unpacked beside the workspace's folders, verified there, and only then moved. What is
here already stays.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from flows.cells.finished import DONE, read_finished
from flows.parcels.check import damages, untruths
from flows.parcels.parcel import LIMITS, MANIFEST, PLAN, Manifest, listed, read_manifest, read_plan
from hcfres.data.acquisition.archives import archive_members, extract_members
from hcfres.data.errors import DataError, too_many
from hcfres.store.entry import read_record
from hcfres.store.errors import writing_failed
from hcfres.store.files import fresh_hash, sync_folder
from hcfres.store.locks import Busy, locked
from hcfres.store.workspace import Workspace, require_writable

_STAGING, _LOCKS = ".importing.", ".lock"
_AGAIN = "Export the grid again where it was made; nothing was changed here"


@dataclass(frozen=True)
class CameIn:
    """What an import brought."""

    grid: str
    """Name of its folder."""
    setting: str
    new: int
    """Cells that were not here before."""
    known: int
    """Cells that were, and are equal."""


def bring_in(file: Path, workspace: Workspace, console: Console) -> None:
    """Take a grid into the workspace and tell what came.

    Raises:
        DataError, StoreError: as `take_in`.
    """
    came = take_in(file, workspace)
    console.print(
        f"{came.grid}: {came.new} cells came in, {came.known} were here already; "
        f"`hcfres report --setting {came.setting}` tabulates them",
        soft_wrap=True,
        highlight=False,
    )


def take_in(file: Path, workspace: Workspace) -> CameIn:
    """Put a grid's plan, cells and results of stages into a workspace.

    Args:
        file: what `hcfres export` wrote.
        workspace: whose root is made where it is not there.

    Raises:
        DataError: the file is damaged or no such file, or the workspace holds another cell or
            result of the same key; nothing was changed.
        StoreError: nothing can be written there, or the disk is full.
    """
    members = archive_members(file, LIMITS)
    _refuse(file, [] if MANIFEST in members else [f"no {MANIFEST}: this is no export of a grid"])
    require_writable(workspace.root, "HCFRES_HOME")
    with _staging(workspace) as place:
        extract_members(file, place, [MANIFEST], LIMITS)
        manifest = read_manifest(place / MANIFEST)
        _refuse(file, listed(manifest, members))
        extract_members(file, place, list(manifest.files), LIMITS)
        _refuse(file, damages(place, manifest))
        _refuse(file, untruths(place, manifest))
        _set_times(place, manifest)
        _refuse(file, list(contradictions(place, manifest, workspace)))
        setting = read_plan(place / "grids" / manifest.grid).setting
        moved = _move(place, manifest, workspace)
    new = sum(path.parent == workspace.cells for path in moved)
    return CameIn(manifest.grid, setting, new, len(manifest.cells()) - new)


def _refuse(file: Path, problems: list[str]) -> None:
    if problems:
        raise DataError(file, too_many(problems).rstrip(), _AGAIN)


@contextmanager
def _staging(workspace: Workspace) -> Iterator[Path]:
    """A folder on the workspace's disk; those that a kill left behind are removed first."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace.root / "import.lock"):
        targets = (workspace.cells, workspace.grids, *workspace.store.glob("*"))
        for folder in (workspace.root, *targets):
            for left in folder.glob(f"{_STAGING}*"):
                shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=workspace.root) as place:
            yield Path(place)


def _set_times(place: Path, manifest: Manifest) -> None:
    """Give verified files the times by which they are known to be unchanged, and not read again."""
    for key in manifest.cells():
        os.utime(place / "cells" / key / DONE)
    for entry in manifest.entries():
        folder = place / "store" / entry
        record = read_record(folder)
        for kept in () if record is None else record.files:
            os.utime(folder / kept.name, ns=(kept.mtime_ns, kept.mtime_ns))


def contradictions(place: Path, manifest: Manifest, workspace: Workspace) -> Iterator[str]:
    """What the workspace holds under a key that the file gives another content, in words."""
    here, there = (root / "grids" / manifest.grid for root in (workspace.root, place))
    if (here / PLAN).is_file() and read_plan(here).named != read_plan(there).named:
        yield f"grids/{manifest.grid} is another grid here: its cells have other rows or seeds"
    for key in manifest.cells():
        here = workspace.cells / key
        if not here.exists() or _is_vacant(here):
            continue
        finished = read_finished(here)
        if finished is None:
            yield f"cells/{key} is begun here and not finished: finish it, or delete its folder"
        else:
            yield from _other(f"cells/{key}", finished.files, manifest, workspace)
    for entry in manifest.entries():
        folder = workspace.store / entry
        if folder.exists():
            theirs = [path.name for path in (place / "store" / entry).iterdir()]
            values = [name for name in theirs if name.endswith(".safetensors")]
            yield from _other(f"store/{entry}", values, manifest, workspace)


def _is_vacant(folder: Path) -> bool:
    """Whether a cell's folder holds nothing; locks that nobody has any more are removed."""
    locks = list(folder.iterdir())
    if any(lock.suffix != _LOCKS for lock in locks):
        return False
    try:
        for lock in locks:
            with locked(lock, wait=False):
                pass
    except Busy:
        return False
    return True


def _other(
    folder: str, names: Iterable[str], manifest: Manifest, workspace: Workspace
) -> Iterator[str]:
    for name in names:
        theirs, path = manifest.files.get(f"{folder}/{name}"), workspace.root / folder / name
        ours = fresh_hash(path) if path.is_file() else "missing"
        if theirs != ours:
            yield f"{folder}/{name} is another one here: sha256 {ours}, in the file {theirs}"


def _move(place: Path, manifest: Manifest, workspace: Workspace) -> list[Path]:
    """Move what is not here yet to its place, the grid last; on an error all of it is undone."""
    workspace.claim()
    names = [
        *(f"store/{entry}" for entry in manifest.entries()),
        *(f"cells/{key}" for key in manifest.cells()),
        f"grids/{manifest.grid}",
    ]
    moved: list[Path] = []
    try:
        for name in names:
            target = workspace.root / name
            if target.exists() and any(target.iterdir()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(place / name, target)
            moved.append(target)
        for folder in {target.parent for target in moved}:
            sync_folder(folder)
    except BaseException as error:
        for target in reversed(moved):
            taken = target.with_name(f"{_STAGING}{target.name}")
            target.rename(taken)
            shutil.rmtree(taken)
        if isinstance(error, OSError):
            raise writing_failed(workspace.root, error) from error
        raise
    return moved


def _put(folder: Path, target: Path) -> None:
    """Move a folder to its place at once; by way of a copy where that is on another disk."""
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=target.parent) as beside:
            copy = Path(beside) / target.name
            copy.mkdir()
            for path in sorted(folder.rglob("*")):
                to = copy / path.relative_to(folder)
                to.mkdir() if path.is_dir() else shutil.copy2(path, to)
            copy.rename(target)
