"""Whether what was unpacked from a grid's file is whole, and is what it says it is."""

import json
from collections.abc import Iterator
from pathlib import Path

from flows.cells.finished import Finished, read_finished
from flows.parcels.parcel import PLAN, Manifest, PlanNote, read_plan
from flows.planning.plan import ASKED
from flows.tracing.origin import read_entries
from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment
from hcfres.data.errors import DataError
from hcfres.data.files import read_json
from hcfres.pipeline.versions import CELL_VERSION
from hcfres.reporting.frame import read_record
from hcfres.store.entry import is_whole
from hcfres.store.entry import read_record as read_entry
from hcfres.store.files import fresh_hash

_LAST_NS = 1 << 62
"""In the year 2116."""


def damages(place: Path, manifest: Manifest) -> list[str]:
    """The files whose content is not what the manifest says, in words."""
    return [
        f"{name} has the sha256 {found}, and the manifest says {sha}"
        for name, sha in manifest.files.items()
        if (found := fresh_hash(place / name)) != sha
    ]


def untruths(place: Path, manifest: Manifest) -> list[str]:
    """Where cells, results and the plan are not what their names say, in words.

    Args:
        place: where the undamaged files were unpacked.
        manifest: what they are.
    """
    problems = list(_plan(place, manifest))
    for key in manifest.cells():
        problems += [f"cells/{key} {said}" for said in _cell(place, key, manifest)]
    for entry in manifest.entries():
        problems += [f"store/{entry} {said}" for said in _entry(place, entry)]
    return problems


def _plan(place: Path, manifest: Manifest) -> Iterator[str]:
    try:
        plan = read_plan(place / "grids" / manifest.grid)
    except DataError as error:
        yield f"grids/{manifest.grid}/{PLAN}: {error.reason}"
        return
    planned = {cell.key for cell in plan.cells}
    yield from (f"cells/{key} is not in the plan" for key in set(manifest.cells()) - planned)
    yield from _misnamed(place, plan, manifest)


def _misnamed(place: Path, plan: PlanNote, manifest: Manifest) -> Iterator[str]:
    """Where the plan says something else of a cell than the cell's own configuration."""
    if not manifest.grid.startswith(f"{plan.experiment}-{plan.setting}-"):
        yield f"grids/{manifest.grid} is not of {plan.experiment} on {plan.setting}, as it says"
    rows = _rows(place / "grids" / manifest.grid / ASKED, plan)
    for planned in plan.cells:
        path = place / "cells" / planned.key / "cell.json"
        if not path.is_file():
            continue
        try:
            cell = read_json(path, CellConfig.model_validate_json)
        except DataError:
            continue  # it is told where the cell is looked at
        if cell.seed != planned.seed:
            yield f"cells/{planned.key} is not of seed {planned.seed}, as the plan says"
        if rows is not None and rows.get(planned.row) != digest(cell.method):
            yield f"cells/{planned.key} is not of the row {planned.row!r} of {plan.experiment}"


def _rows(asked: Path, plan: PlanNote) -> dict[str, str] | None:
    """What each row's method is, by the files that came along; None where none came."""
    path = asked / f"{plan.experiment}.toml"
    if not path.is_file():
        return None
    try:
        return {row.name: digest(row.method) for row in load_experiment(path).rows}
    except ConfigError:
        return {}


def _cell(place: Path, key: str, manifest: Manifest) -> Iterator[str]:
    folder = place / "cells" / key
    finished = read_finished(folder)
    if finished is None:
        yield "is no whole, finished cell"
        return
    if finished.key != key:
        yield f"says that it is {finished.key}"
    yield from _changed(finished, key, manifest)
    try:
        if (record := read_record(folder)).key != key:
            yield f"holds the results of {record.key}"
        read_entries(folder)
        own = _own_key(folder)
    except DataError as error:
        yield f"does not say what it is: {error.reason}"
        return
    if own != key:
        yield f"has the configuration of {own}: it was changed, or made by another version"


def _own_key(folder: Path) -> str:
    """The key that a cell's configuration and inputs give."""
    cell = read_json(folder / "cell.json", CellConfig.model_validate_json)
    inputs = json.loads((folder / "results.json").read_bytes()).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, str) for one in inputs):
        raise DataError(folder / "results.json", "its inputs are no list of names")
    return digest("cell", CELL_VERSION, cell, *inputs)


def _changed(finished: Finished, key: str, manifest: Manifest) -> Iterator[str]:
    for name, sha in finished.hashes.items():
        if manifest.files.get(f"cells/{key}/{name}") != sha:
            yield f"has another {name} than it was finished with"


def _entry(place: Path, entry: str) -> Iterator[str]:
    folder = place / "store" / entry
    record = read_entry(folder)
    if record is None or not is_whole(folder, record):
        yield "is no whole result"
    elif f"{record.stage}/{record.label}-{record.key}" != entry:
        yield f"says that it is {record.stage}/{record.label}-{record.key}"
    elif not all(_is_time(kept.mtime_ns) for kept in record.files):
        yield "says of its files that they were written at no time there is"


def _is_time(told: object) -> bool:
    """Whether a record's time is one that a file can have, in ns."""
    return type(told) is int and 0 <= told < _LAST_NS
