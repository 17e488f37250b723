"""The paper's tables, regenerated from the cells that are done."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd
from rich.console import Console

from flows.cells.failed import failed_seeds, read_failure
from flows.cells.finished import Look, read_finished
from flows.cells.holes import hole
from flows.cells.records import read_records
from flows.places import DEFAULT_SETTING, REPORTS, setting_file, table_files
from flows.planning.plan import Plan, PlannedCell, accept, make_plan
from hcfres.config.experiment import AblationConfig, ComparisonConfig, flat
from hcfres.config.loading import ConfigError
from hcfres.config.rows import Experiment, Row, load_experiment
from hcfres.config.setting import Kept, SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.evaluation.passport import Passport
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.columns import printed_columns
from hcfres.reporting.frame import (
    PASSPORTS,
    CellRecord,
    passports_of,
    results_frame,
)
from hcfres.reporting.passports import require_comparable, said
from hcfres.reporting.table import Line, Table, summarise
from hcfres.reporting.text import latex, markdown
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

EPOCHS: dict[Kept, str] = {
    "last": "last epoch",
    "best_held_out": "epoch with the best mIoU on held-out training spaces",
    "best_validation": (
        "epoch with the best mIoU ON VALIDATION ITSELF, chosen with the labels that it is scored by"
    ),
}
"""What a caption says of the weights that the numbers are of."""
_KEPT = "†"
"""Marks a row with numbers that other code made."""


def write_reports(
    console: Console,
    setting: str = DEFAULT_SETTING,
    accept_code: bool = False,
    from_mlflow: bool = False,
    weights: Kept = "last",
    look: Look | None = None,
) -> tuple[Path, ...]:
    """Write every table as Markdown and LaTeX, and results.csv, from the finished cells.

    Those of the embedded default are the repository's reports/; another setting's go into the
    workspace, so that no number of one setting replaces another's. MLflow and the workspace's
    folders hold the same results; `from_mlflow` reads the former. Tables of other `weights` than
    the last epoch's, the headline, always go into the workspace, into a folder of their own.

    Args:
        look: a cache of `read_finished` from a plan since which nothing ran.
    """
    workspace, look = Workspace(), look or cache(read_finished)
    name = load_setting(setting_file(setting)).name
    folder = reports_folder(name, workspace, weights)
    records = _mlflow_records(workspace) if from_mlflow else read_records(workspace, look)
    records = tuple(record for record in records if record.setting == name)
    frame = results_frame(records)
    seeds = {record.seed for record in records} | failed_seeds(workspace.cells, name)
    written = [folder / "results.csv"]
    write_atomic(written[0], frame.to_csv(index=False).encode())
    for number, path in enumerate(table_files(), 1):
        experiment = load_experiment(path)
        plan = _every_seed(experiment, setting, seeds, accept_code, look)
        table = build_table(plan, frame, f"table{number}", weights)
        for suffix, write in ((".md", markdown), (".tex", latex)):
            target = folder / f"table{number}{suffix}"
            write_atomic(target, write(table).encode())
            written.append(target)
    console.print(f"wrote {', '.join(path.name for path in written)} to {folder}")
    return tuple(written)


def write_grid_table(plan: Plan, console: Console) -> None:
    """Write the table of a grid that is none of the paper's into the grid's folder."""
    table = grid_table(plan, results_frame(read_records(plan.workspace, plan.look)))
    for suffix, write in ((".md", markdown), (".tex", latex)):
        write_atomic(plan.folder / f"{plan.experiment.name}{suffix}", write(table).encode())
    place = plan.folder / f"{plan.experiment.name}.md"
    console.print(f"wrote {place}, and beside it the same as .tex", soft_wrap=True, highlight=False)


def weights_of(name: str) -> Kept:
    """The weights that a person means.

    Raises:
        ConfigError: there are none of that name.
    """
    for kind in EPOCHS:
        if kind == name:
            return kind
    raise ConfigError(f"--weights is {name[:60]!r}: give one of {', '.join(EPOCHS)}")


def reports_folder(setting: str, workspace: Workspace, weights: Kept = "last") -> Path:
    """Where the tables of a setting are written."""
    if weights != "last":
        return workspace.root / "reports" / f"{setting}-{weights}"
    return REPORTS if setting == DEFAULT_SETTING else workspace.root / "reports" / setting


def _every_seed(
    experiment: Experiment, name: str, tried: set[int], accept_code: bool, look: Look
) -> Plan:
    """The cells of a table: the setting's seeds, and of other seeds those that were tried."""
    setting = experiment.setting(name)
    own = {cell.seed for _, cell in experiment.cells(setting)}
    seeds = tuple(sorted(own | tried))
    plan = make_plan(experiment, setting, Workspace(), code_of_cells(), seeds=seeds, look=look)
    plan = accept(plan) if accept_code else plan
    kept = (
        cell
        for cell in plan.cells
        if cell.state == "done" or cell.cell.seed in own or read_failure(cell.folder)
    )
    return replace(plan, cells=tuple(kept), named=name)


def _mlflow_records(workspace: Workspace) -> tuple[CellRecord, ...]:
    from flows.tracking.tracker import Tracker  # noqa: PLC0415  imports MLflow

    return Tracker(workspace).records()


def grid_table(plan: Plan, frame: pd.DataFrame) -> Table:
    """Lay out the table of one grid, for its run."""
    return build_table(plan, frame, plan.experiment.name)


@dataclass(frozen=True)
class _Source:
    """Where a table's numbers come from: the plan says which cells, the frame what they are."""

    plan: Plan
    frame: pd.DataFrame
    columns: tuple


def build_table(plan: Plan, frame: pd.DataFrame, name: str, weights: Kept = "last") -> Table:
    """Put our numbers beside the paper's; what was not run or does not run here says so."""
    config = plan.experiment.config
    printed = printed_columns(_measured(config), weights)
    source = _Source(plan, frame, printed)
    lines = [*_quoted(config, source)]
    for row in plan.experiment.rows:
        cells = tuple(cell for cell in plan.cells if cell.row.name == row.name)
        paper = tuple(tuple(row.paper.get(part) for part in parts) for _, parts in printed)
        label = _label(row, cells)
        ours, passports = _ours(cells, source), _passports(cells, source, label)
        missing = hole(row, cells, plan)
        lines.append(Line(label, ours, paper, missing.remark, passports, missing.note))
    return Table(
        name=name,
        title=f"Table {name.removeprefix('table')}: {config.title}",
        caption=f"{_caption(plan, weights)} {said(_rows(lines))}".rstrip(),
        row_header=" ".join(_switch_names(config)) or "Method",
        columns=tuple(column for column, _ in printed),
        lines=tuple(lines),
        ours_on=plan.setting.name,
    )


def _measured(config: AblationConfig | ComparisonConfig) -> tuple[str, ...]:
    return tuple(name for name in config.columns if name not in _switch_names(config))


def _switch_names(config: AblationConfig | ComparisonConfig) -> tuple[str, ...]:
    return tuple(config.switches) if isinstance(config, AblationConfig) else ()


def _switches(switches: dict[str, bool]) -> str:
    return " ".join(f"{'✓' if on else '✗'} {name}" for name, on in switches.items())


def _label(row: Row, cells: tuple[PlannedCell, ...]) -> str:
    """Name a row, marked where numbers in it are of other code."""
    label = _switches(row.switches) or row.method.title
    return f"{label} {_KEPT}" if any(cell.accepted for cell in cells) else label


def _quoted(config: AblationConfig | ComparisonConfig, source: _Source) -> list[Line]:
    if isinstance(config, AblationConfig):
        return []
    lines = []
    for row in config.quoted:
        numbers = flat(row.paper)
        paper = tuple(tuple(numbers.get(part) for part in parts) for _, parts in source.columns)
        label = f"{row.title} ({row.venue})" if row.venue else row.title
        lines.append(Line(label, None, paper, "does not run here; quoted from the paper"))
    return lines


def _ours(cells: tuple[PlannedCell, ...], source: _Source) -> tuple | None:
    done = [cell.key for cell in cells if cell.state == "done"]
    found = source.frame[source.frame["key"].isin(done)]
    if found.empty:
        return None
    return tuple(
        tuple(
            summarise(list(found[metric]), column) if metric in found else None
            for metric in column.metrics
        )
        for column, _ in source.columns
    )


def _passports(cells: tuple[PlannedCell, ...], source: _Source, label: str) -> tuple[Passport, ...]:
    """The passports that all seeds of a row have."""
    done = [cell.key for cell in cells if cell.state == "done"]
    found = source.frame[source.frame["key"].isin(done)]
    seeds = [
        (f"{label}, cell {key}", passports_of(key, text))
        for key, text in zip(found["key"], found[PASSPORTS], strict=True)
    ]
    require_comparable(seeds, label)
    return seeds[0][1] if seeds else ()


def _rows(lines: list[Line]) -> list[tuple[str, tuple[Passport, ...]]]:
    return [(line.label, line.passports) for line in lines if line.ours is not None]


def _caption(plan: Plan, weights: Kept) -> str:
    setting = plan.setting
    told = (
        f"Ours: setting {setting.name} ({setting.title}), validation split, {EPOCHS[weights]}, "
        f"seed {_seeds(plan)}; {_encoders(setting)}. Paper: ScanNet scans, as printed. "
        "Best in bold, second underlined, within ours and within the paper's."
    )
    if any(cell.accepted for cell in plan.cells):
        told += f" {_KEPT} made by other code than the present, and kept (`--accept-code`)."
    if setting.data.kind == "rooms":
        told += (
            " Ours are synthetic rooms: the difference is between two datasets and says nothing "
            "of the method's worth on ScanNet."
        )
    return told


def _encoders(setting: SettingConfig) -> str:
    """Which encoders the numbers are of; no setting trains SAM or CLIP, and some train RoBERTa."""
    images = f"SAM {setting.sam.model}, CLIP {setting.clip.model}"
    text = f"RoBERTa {setting.text.model}"
    if setting.training.text == "trained":
        return f"{images}, both frozen, {text}, trained"
    return f"{images}, {text}, all frozen"


def _seeds(plan: Plan) -> str:
    """The seeds of the numbers, by row where rows differ; those planned where nothing is done."""
    counted = [cell for cell in plan.cells if cell.state == "done"] or plan.cells
    of_row: dict[str, list[str]] = {}
    for cell in counted:
        of_row.setdefault(_label(cell.row, ()), []).append(str(cell.cell.seed))
    told = {label: ", ".join(seeds) for label, seeds in of_row.items()}
    if len(same := set(told.values())) == 1:
        return same.pop()
    return f"by row ({'; '.join(f'{label}: {seeds}' for label, seeds in told.items())})"
