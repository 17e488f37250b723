"""The figures of a grid: how its rows learnt, what they score, what they answer."""

from pathlib import Path

from flows.cells.records import read_records
from flows.datasets import dataset_folder
from flows.planning.plan import Plan, PlannedCell
from hcfres.config.rows import Row
from hcfres.data.dataset import Dataset
from hcfres.evaluation.recompute import PredictionTable, read_predictions
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.bars import Scored, predictor_scores, row_scores, score_bars
from hcfres.reporting.curves import Curve, training_curves
from hcfres.reporting.examples import example_masks
from hcfres.reporting.figures import save_png
from hcfres.reporting.frame import CellRecord
from hcfres.store.workspace import Workspace
from hcfres.training.journal import read_journal


def write_figures(plan: Plan, workspace: Workspace, folder: Path) -> tuple[Path, ...]:
    """Write the figures of a grid's finished cells as PNG into `folder`; none without a cell.

    Cells that were finished after `plan` was made count too. The examples show scans, and are left
    out where the dataset is not: with a grid that came from another machine.

    Raises:
        DataError: a finished cell's files cannot be read.
    """
    records = {record.key: record for record in read_records(workspace)}
    code = code_of_cells()
    done = tuple(
        cell
        for cell in plan.cells
        if cell.key in records and (cell.state == "done" or records[cell.key].code == code)
    )
    if not done:
        return ()
    title, setting, name = plan.experiment.config.title, plan.setting.name, plan.experiment.name
    figures = {
        "curves": training_curves(_curves(done), title, setting),
        "scores": score_bars(_scores(done, records), title, setting),
    }
    if (root := dataset_folder(plan.setting, workspace)).is_dir():
        scene = Dataset(root).scene
        figures["examples"] = example_masks(_predictions(done), scene, title, setting)
    return tuple(
        save_png(figure, folder / f"{name}_{kind}.png") for kind, figure in figures.items()
    )


def label(row: Row) -> str:
    """Name a row for print: its switches, or its method."""
    marks = [f"{'✓' if on else '✗'} {name}" for name, on in row.switches.items()]
    return " ".join(marks) or row.method.title


def _curves(done: tuple[PlannedCell, ...]) -> list[Curve]:
    return [Curve(label(cell.row), read_journal(cell.folder / "metrics.jsonl")) for cell in done]


def _scores(done: tuple[PlannedCell, ...], records: dict[str, CellRecord]) -> list[Scored]:
    rows: dict[str, list[dict[str, float]]] = {}
    for cell in done:
        rows.setdefault(label(cell.row), []).append(records[cell.key].metrics)
    every = [metrics for found in rows.values() for metrics in found]
    return [*(row_scores(name, found) for name, found in rows.items()), *predictor_scores(every)]


def _predictions(done: tuple[PlannedCell, ...]) -> list[tuple[str, PredictionTable]]:
    """Take each row's first finished seed."""
    first = {label(cell.row): cell for cell in reversed(done)}
    return [
        (name, read_predictions(first[name].folder / "predictions.parquet"))
        for name in dict.fromkeys(label(cell.row) for cell in done)
    ]
