"""`hcfres export`: a grid and its finished cells as one file, the same one each time."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flows.cells.finished import Finished, read_finished
from flows.parcels.parcel import (
    CELL_FOLDERS,
    MANIFEST,
    PLAN,
    Manifest,
    is_carried,
    read_plan,
)
from flows.planning.plan import ASKED
from flows.tracing.origin import read_entries
from hcfres.data.acquisition.space import readable
from hcfres.data.errors import DataError, too_many
from hcfres.store.files import replacing
from hcfres.store.workspace import Workspace

_BLOCK = 1 << 20
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member, the earliest a zip can say: the same grid is the same file."""


@dataclass(frozen=True)
class Wanted:
    """What goes along beside plan, cells and results."""

    checkpoints: bool = False
    """The state of the trainings."""
    stages: bool = False
    """The results of stages that the cells read."""


def export(start: str, out: Path, wanted: Wanted, workspace: Workspace, console: Console) -> None:
    """Write a grid, its finished cells and the files they were asked for with into one file.

    Args:
        start: name of the grid's folder, or the beginning of it.
        out: the file; one that is there is replaced.
        wanted: what goes along besides.
        workspace: where the grid is.
        console: is told what the file holds.

    Raises:
        DataError: there is no such grid, none of its cells is finished, or one is damaged.
        StoreError: the file cannot be written.
    """
    grid = _find(start, workspace)
    plan = read_plan(grid)
    cells = {
        cell.key: found
        for cell in plan.cells
        if (found := read_finished(workspace.cells / cell.key)) is not None
    }
    if not cells:
        raise DataError(grid, "none of its cells is finished", f"Run {plan.experiment} first")
    files = dict(_grid_files(grid)) | dict(_cell_files(workspace, cells, wanted))
    with replacing(out) as write:
        hashes = _write(write, grid.name, files)
        _require_whole(workspace, cells, hashes)
    left = len(plan.cells) - len(cells)
    unfinished = f"; {left} that are not finished stay here" if left else ""
    console.print(
        f"{out}: {len(cells)} cells of {grid.name}, {len(hashes)} files, "
        f"{readable(out.stat().st_size)}{unfinished}",
        soft_wrap=True,
        highlight=False,
    )


def _find(start: str, workspace: Workspace) -> Path:
    known = sorted(path.parent for path in workspace.grids.glob(f"*/{PLAN}"))
    same = [folder for folder in known if folder.name == start]
    found = same or [folder for folder in known if folder.name.startswith(start)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(folder.name for folder in found or known) or "none"
    reason = f"{'several grids begin' if found else 'no grid begins'} with {start!r}"
    raise DataError(workspace.grids, reason, f"There are: {names}")


def _grid_files(grid: Path) -> Iterator[tuple[str, Path]]:
    """The plan, and the files that it was asked for with, as they were; by their members."""
    place = f"grids/{grid.name}"
    yield f"{place}/{PLAN}", grid / PLAN
    for path in sorted((grid / ASKED).rglob("*.toml")):
        yield f"{place}/{path.relative_to(grid).as_posix()}", path


def _cell_files(
    workspace: Workspace, cells: Iterable[str], wanted: Wanted
) -> Iterator[tuple[str, Path]]:
    """The files of cells and, where they are wanted, those of what they read; by their members."""
    for key in cells:
        folder = workspace.cells / key
        left_out = "" if wanted.checkpoints else "checkpoint"
        places = [folder / name for name in CELL_FOLDERS if name != left_out]
        yield from _in_folders([folder, *places], workspace)
        if wanted.stages:
            yield from _in_folders(_entries(folder, workspace), workspace)


def _entries(folder: Path, workspace: Workspace) -> list[Path]:
    """The store's folders that a cell read.

    Raises:
        DataError: the cell does not say, or one of them is gone.
    """
    read = read_entries(folder)
    found = [
        workspace.store / stage / f"{scene}-{key}"
        for stage, scenes in read.items()
        for scene, key in scenes.items()
    ]
    gone = [str(place) for place in found if not place.is_dir()]
    if not read or gone:
        reason = too_many([f"{place} is gone" for place in gone]) if gone else "names no stages"
        raise DataError(folder, reason, "Export without --with-stages")
    return found


def _in_folders(folders: Iterable[Path], workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """The regular files right in some folders of the workspace that are carried."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file() and not path.is_symlink() and is_carried(path.name):
                yield path.relative_to(workspace.root).as_posix(), path


def _write(
    write: Callable[[bytes | memoryview], object], grid: str, files: dict[str, Path]
) -> dict[str, str]:
    """Write the zip; the hashes of what went into it, by member."""
    hashes = {}
    with zipfile.ZipFile(_Sink(write), "w", zipfile.ZIP_STORED) as zipped:
        for name, path in sorted(files.items()):
            whole = hashlib.sha256()
            with path.open("rb") as file, zipped.open(_member(name), "w", force_zip64=True) as to:
                while block := file.read(_BLOCK):
                    whole.update(block)
                    to.write(block)
            hashes[name] = whole.hexdigest()
        manifest = Manifest(grid=grid, files=hashes)
        zipped.writestr(_member(MANIFEST), manifest.model_dump_json(indent=1))
    return hashes


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _TIME)
    member.external_attr = 0o100644 << 16
    return member


class _Sink:
    """A file that is only written to, as `zipfile` wants one."""

    def __init__(self, write: Callable[[bytes | memoryview], object]) -> None:
        self._write = write

    def write(self, content: bytes, /) -> int:
        """Pass bytes on."""
        self._write(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: whoever opened the file sees to it."""

    def close(self) -> None:
        """Do nothing either."""


def _require_whole(
    workspace: Workspace, cells: Mapping[str, Finished], hashes: Mapping[str, str]
) -> None:
    """Refuse cells whose files are not what DONE.json says they were."""
    wrong = [
        f"{workspace.cells / key / name} has changed since the cell was finished"
        for key, cell in cells.items()
        for name, sha in cell.hashes.items()
        if hashes.get(f"cells/{key}/{name}") != sha
    ]
    if wrong:
        raise DataError(workspace.cells, too_many(wrong).rstrip(), "Run the grid again")
