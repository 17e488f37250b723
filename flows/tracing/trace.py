"""Where a number came from: a cell's grids, code, configuration, files, weights and stages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from flows.cells.finished import DONE, RESULTS, Finished
from flows.cells.names import Standing, standings
from flows.cells.trained import held_out_curve
from flows.datasets import content_key
from flows.planning.plan import used_weights
from flows.tracing.origin import Origin, read_entries, read_origin
from flows.tracing.stages import EntryLine, StageLine, entry_lines, stage_lines
from hcfres.config.cell import CellConfig
from hcfres.config.loading import ConfigError
from hcfres.config.problems import nearest
from hcfres.data.errors import DataError
from hcfres.evaluation.passport import Passport
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.frame import CellRecord, read_record
from hcfres.store.files import fresh_hash, leads_down
from hcfres.store.weights import weights_identity
from hcfres.store.workspace import Workspace

Look = Literal["as then", "changed", "missing", "not recorded"]
"""How something is now, against what was recorded when the cell was made."""
METRIC, HELD_OUT = "val/all/miou", "held_out/miou"
"""The number that is meant unless another is named: of a cell that was evaluated, and of one that a
search trained and nobody evaluated, after its last epoch so far."""
_OF_TRIAL = ("cell.json", "metrics.jsonl", "weights.safetensors")
"""What is looked at of a cell that was not evaluated."""


@dataclass(frozen=True)
class Thing:
    """A file, weights or data that the number was made from or stands in."""

    name: str
    path: str
    look: Look
    identity: str
    """Its hash, as recorded; as it is now where nothing was recorded."""


@dataclass(frozen=True)
class Trace:
    """What `why --json` prints: these keys, all of them, and no other.

    A change of a key or of its meaning raises the number in `schema`.
    """

    key: str
    folder: str
    method: str
    setting: str
    seed: int
    metric: str
    value: float
    passport: Passport | None
    """None where none was kept, and of numbers that have none, such as times."""
    grids: tuple[Standing, ...]
    code: str
    same_code: bool
    """Whether the present code is the one that made the cell."""
    origin: Origin | None
    """None of a cell that was made before this was kept."""
    config: dict[str, Any]
    files: tuple[Thing, ...]
    weights: tuple[Thing, ...]
    data: Thing
    stages: tuple[StageLine, ...]
    """The results that the cell read."""
    scene: tuple[EntryLine, ...]
    """Of the scene that was asked for: every result, down to the files."""
    recompute: str
    """The command that makes the accuracies anew from the predictions; empty without any."""
    schema: Literal["hcfres.why/1"] = "hcfres.why/1"


def trace(
    folder: Path, workspace: Workspace, metric: str | None = None, scene: str | None = None
) -> Trace:
    """Gather where a cell's number came from; what is not as it was then is marked, not an error.

    Args:
        folder: of a cell that was evaluated, or trained for a search.
        metric: as results.json names it; None: METRIC, or HELD_OUT without results.json.
        scene: whose results are followed down to the files, which are read and compared.

    Raises:
        DataError: the cell's own records are broken, it has no such metric or no such scene.
    """
    record, cell = record_of(folder), _cell(folder)
    evaluated = (folder / RESULTS).exists()
    metric = metric or (METRIC if evaluated else HELD_OUT)
    if metric not in record.metrics:
        hint = nearest(metric, sorted(record.metrics), "metrics")
        raise DataError(folder / RESULTS, f"no metric {metric!r}; {hint}")
    origin, entries = read_origin(folder), read_entries(folder)
    return Trace(
        key=record.key,
        folder=str(folder),
        method=record.method,
        setting=record.setting,
        seed=record.seed,
        metric=metric,
        value=record.metrics[metric],
        passport=_passport(record, metric),
        grids=tuple(one for one in standings(workspace) if one.key == record.key),
        code=record.code,
        same_code=record.code == code_of_cells(),
        origin=origin,
        config=cell.model_dump(mode="json"),
        files=tuple(_files(folder, _finished(folder).hashes if evaluated else _untold(folder))),
        weights=tuple(_weights(cell, origin, workspace)),
        data=_data(cell, origin, workspace),
        stages=stage_lines(entries, workspace),
        scene=entry_lines(scene, entries, cell.setting, workspace) if scene else (),
        recompute=f"hcfres evaluate {record.key}" if evaluated else "",
    )


def record_of(folder: Path) -> CellRecord:
    """Read what a cell is worth; of one that was only trained, on held-out training spaces.

    Raises:
        DataError: its records are broken, or it was not trained for one epoch.
    """
    if (folder / RESULTS).exists():
        return read_record(folder)
    cell, curve = _cell(folder), held_out_curve(folder)
    if not curve:
        reason = "neither results.json nor a score on held-out spaces"
        raise DataError(folder, reason, "Run its grid or its search to the end")
    origin = read_origin(folder)
    return CellRecord(
        key=folder.name,
        method=cell.method.name,
        setting=cell.setting.name,
        seed=cell.seed,
        code=origin.last.code if origin else "",
        metrics={HELD_OUT: curve[max(curve)]},
    )


def _cell(folder: Path) -> CellConfig:
    path = folder / "cell.json"
    try:
        return CellConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from None
    except ValidationError as error:
        reason = f"not a cell of this version of the program ({error.error_count()} problems)"
        raise DataError(path, reason, "Look at it with the program that made it") from None


def _finished(folder: Path) -> Finished:
    path = folder / DONE
    try:
        return TypeAdapter(Finished).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise DataError(path, "the cell is not finished, or this file is broken") from None


def _passport(record: CellRecord, metric: str) -> Passport | None:
    level = {"val": "point", "yardstick": "point"}.get(metric.partition("/")[0])
    level = "box" if metric.startswith("box") else level
    return next((one for one in record.passports if one.level == level), None)


def _untold(folder: Path) -> dict[str, None]:
    """The files of a cell that no DONE.json names; their hashes were not recorded."""
    return {name: None for name in _OF_TRIAL if (folder / name).exists()}


def _files(folder: Path, hashes: Mapping[str, str | None]) -> Iterator[Thing]:
    """The files that the cell consists of, each read and hashed."""
    for name, recorded in hashes.items():
        path = folder / name
        if not leads_down(name):
            raise DataError(folder / DONE, f"names {name!r}, which is outside of the cell's folder")
        now = fresh_hash(path) if path.is_file() else None
        yield Thing(name, str(path), _look(recorded, now), recorded or now or "")


def _weights(cell: CellConfig, origin: Origin | None, workspace: Workspace) -> Iterator[Thing]:
    for what, name in used_weights(cell).items():
        recorded = origin.weights.get(what) if origin else None
        try:
            now: str | None = weights_identity(name, workspace.weights)
        except ConfigError:
            now = None
        yield Thing(what, name, _look(recorded, now), recorded or now or "")


def _data(cell: CellConfig, origin: Origin | None, workspace: Workspace) -> Thing:
    recorded, now = origin.data if origin else None, content_key(cell.setting, workspace)
    return Thing(cell.setting.data.expressions, "", _look(recorded, now), recorded or now)


def _look(recorded: str | None, now: str | None) -> Look:
    if now is None:
        return "missing"
    if recorded is None:
        return "not recorded"
    return "as then" if recorded == now else "changed"
