"""`hcfres diff`: what differs between two cells, from configuration to single answers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cells.names import find_cell
from flows.tracing.origin import Origin, Part
from flows.tracing.trace import HELD_OUT, Trace, record_of, trace
from hcfres.data.errors import DataError
from hcfres.evaluation.paired import Change, Paired, paired
from hcfres.store.workspace import Workspace

_PREDICTIONS = "predictions.parquet"
_MOST = 25
"""Lines of a table; `--json` has all."""


@dataclass(frozen=True)
class Gap:
    """Something that is not the same in two cells; None where one does not have it."""

    name: str
    one: Any
    other: Any


@dataclass(frozen=True)
class Contrast:
    """What `diff --json` prints: these keys, all of them, and no other.

    A change of a key or of its meaning raises the number in `schema`.
    """

    one: str
    """Key of a cell."""
    other: str
    config: tuple[Gap, ...]
    """By dotted path."""
    inputs: tuple[Gap, ...]
    """Data and weights, by hash; results of stages by stage and scene."""
    code: tuple[Gap, ...]
    """Fingerprint, commit, uncommitted changes."""
    packages: tuple[Gap, ...]
    """Versions."""
    machine: tuple[Gap, ...]
    metrics: tuple[Gap, ...]
    """All that are not equal; the largest difference first."""
    answers: Paired | None
    """None where the predictions do not compare: `answers_why_not` says why."""
    answers_why_not: str
    schema: Literal["hcfres.diff/1"] = "hcfres.diff/1"


def compare_cells(one: str, other: str, as_json: bool, console: Console) -> Contrast:
    """Print what differs between two cells.

    Args:
        one: key of a finished cell, its beginning, or a row of a table.
        other: the same.
        as_json: print JSON and nothing else.
        console: where it is printed.

    Raises:
        DataError: there is no such cell, or its records are broken.
    """
    workspace = Workspace()
    folders = [find_cell(name, workspace, "cell.json") for name in (one, other)]
    found = contrast(folders[0], folders[1], workspace)
    if as_json:
        console.file.write(json.dumps(asdict(found), indent=1) + "\n")
    else:
        _show(found, console)
    return found


def contrast(one: Path, other: Path, workspace: Workspace) -> Contrast:
    """Find all in which two cells differ.

    Raises:
        DataError: a cell's own records are broken.
    """
    a, b = (trace(folder, workspace) for folder in (one, other))
    metrics = [record_of(folder).metrics for folder in (one, other)]
    answers, why_not = _answers(one, other)
    return Contrast(
        one=a.key,
        other=b.key,
        config=gaps(leaves(a.config), leaves(b.config)),
        inputs=gaps(_inputs(a), _inputs(b)),
        code=gaps(_code(a), _code(b)),
        packages=gaps(_packages(a, one), _packages(b, other)),
        machine=gaps(_machine(a.origin), _machine(b.origin)),
        metrics=tuple(sorted(gaps(*metrics), key=_size, reverse=True)),
        answers=answers,
        answers_why_not=why_not,
    )


def gaps(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Gap, ...]:
    """What two tables do not have in common, in the order of the names."""
    names = sorted(one.keys() | other.keys())
    found = (Gap(name, one.get(name), other.get(name)) for name in names)
    return tuple(gap for gap in found if gap.one != gap.other)


def leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested tables by dotted path."""
    told: dict[str, Any] = {}
    for name, value in config.items():
        inner = isinstance(value, dict)
        told |= leaves(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return told


def _inputs(found: Trace) -> dict[str, str]:
    weights = {f"weights of {one.name}": one.identity for one in found.weights}
    stages = {
        f"{stage.stage} of {scene}": key
        for stage in found.stages
        for scene, key in stage.entries.items()
    }
    return {"data": found.data.identity, **weights, **stages}


def _code(found: Trace) -> dict[str, str]:
    told = {"fingerprint": found.code}
    if found.origin is not None:
        told["commit"] = found.origin.said(lambda part: part.commit)
        told["uncommitted"] = found.origin.said(lambda part: part.uncommitted)
        told |= {f"stage {name}": str(v) for name, v in found.origin.stages.items()}
    return told


def _packages(found: Trace, folder: Path) -> dict[str, str]:
    if found.origin is None:
        return {}
    told: dict[str, dict[str, None]] = {}
    for digits in dict.fromkeys(part.packages for part in found.origin.parts):
        try:
            text = (folder / f"packages-{digits}.txt").read_text()
        except (OSError, UnicodeDecodeError):
            return {"(all)": found.origin.said(lambda part: part.packages)}
        for name, version in (line.split("==", 1) for line in text.splitlines() if "==" in line):
            told.setdefault(name, {})[version] = None
    return {name: ", then ".join(versions) for name, versions in told.items()}


def _machine(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {}
    parts = [_of_machine(part) for part in origin.parts]
    names = dict.fromkeys(name for part in parts for name in part)
    backends = [part.sparse_convolution for part in origin.parts if part.sparse_convolution]
    told = {name: _once_each([part.get(name, "-") for part in parts]) for name in names}
    return told | {"sparse convolution": _once_each(backends)}


def _of_machine(part: Part) -> dict[str, Any]:
    told = {"device": part.device, "processes": part.processes}
    return told | vars(part.hardware) | part.environment


def _once_each(values: Sequence[Any]) -> Any:
    """The value that all parts of a cell had, else all of them in order."""
    found = {str(value): value for value in values}
    return values[0] if len(found) == 1 else ", then ".join(found)


def _size(gap: Gap) -> float:
    return abs(gap.other - gap.one) if None not in (gap.one, gap.other) else 0.0


def _answers(one: Path, other: Path) -> tuple[Paired | None, str]:
    if lacking := [str(cell) for cell in (one, other) if not (cell / _PREDICTIONS).exists()]:
        return None, f"{' and '.join(lacking)}: it holds no predictions"
    try:
        return paired(one / _PREDICTIONS, other / _PREDICTIONS), ""
    except DataError as error:
        return None, str(error)


def _show(found: Contrast, console: Console) -> None:
    console.print(f"[bold]{found.one}[/] against [bold]{found.other}[/]")
    for title in ("config", "inputs", "code", "packages", "machine"):
        some: tuple[Gap, ...] = getattr(found, title)
        if some:
            console.print(_table(title, some, found))
        else:
            console.print(f"{title}: nothing differs that was recorded")
    if scores := [gap for gap in found.metrics if gap.name.startswith(("val/", "box/", HELD_OUT))]:
        console.print(_metrics(scores[:_MOST], found))
    else:
        console.print("scores: all are equal")
    for line in _told(found):
        console.print(line, highlight=False, soft_wrap=True)


def _table(title: str, some: Sequence[Gap], found: Contrast) -> Table:
    table = Table(title, found.one[:12], found.other[:12], title_justify="left")
    for gap in some[:_MOST]:
        table.add_row(gap.name, escape(_said(gap.one)), escape(_said(gap.other)))
    if len(some) > _MOST:
        table.add_row(f"... and {len(some) - _MOST} more, in --json", "", "")
    return table


def _metrics(some: Iterable[Gap], found: Contrast) -> Table:
    table = Table("metric", title_justify="left")
    for name in (found.one[:12], found.other[:12], "difference"):
        table.add_column(name, justify="right")
    for gap in some:
        difference = f"{gap.other - gap.one:+.4f}" if _size(gap) else ""
        table.add_row(gap.name, _said(gap.one), _said(gap.other), difference)
    return table


def _said(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _told(found: Contrast) -> Iterator[str]:
    if found.answers is None:
        yield f"the answers do not compare: {escape(found.answers_why_not)}"
        return
    told = found.answers
    yield (
        f"{told.expressions} expressions of {told.scenes} scenes: {told.better} better, "
        f"{told.worse} worse, {told.equal} equal"
    )
    between = "unknown: there is one scene only"
    if told.interval is not None:
        between = f"{told.interval[0]:+.4f} to {told.interval[1]:+.4f} (95 %, scenes drawn anew)"
    yield f"mean IoU {told.difference:+.4f}, {between}"
    for title, some in (("gains", told.gains), ("losses", told.losses)):
        if some:
            yield f"largest {title}:"
            yield from map(_change, some)


def _change(one: Change) -> str:
    return f"  {one.one:.2f} -> {one.other:.2f}  {one.expression}  {escape(one.description)}"
