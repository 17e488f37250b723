"""What MLflow takes of a training's time.

    HCFRES_HOME=WORKSPACE OMP_NUM_THREADS=1 python benchmarks/tracking.py [--epochs 200]

A worker stands still after each epoch until the launcher has logged it. That is timed here on a new
embedded database, with the journal of every finished cell of the workspace as it was written, and
compared with the seconds that the journal itself says the epochs took.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.planning.plan import PlannedCell
from flows.tracking.logbook import CellLog
from flows.tracking.tracker import Tracker
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport, Journal, read_journal
from tests.flows.fabricated import small_plan


def main() -> None:
    """Time the logging and print a line for each cell of the workspace."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=200, help="that are logged and timed")
    epochs = parser.parse_args().epochs
    journals = sorted(Workspace().cells.glob("*/metrics.jsonl"))
    found = {path.parent.name: read_journal(path) for path in journals}
    if not found:
        sys.exit(f"{Workspace().cells} holds no trained cell; `make paper` makes some")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        cells = small_plan(workspace, seeds=tuple(range(len(found)))).cells
        for cell, (key, reports) in zip(cells, found.items(), strict=False):
            logged_ms = 1000 * time_logging(cell, workspace, reports, epochs)
            epoch_s = statistics.median(report.seconds for report in reports)
            sys.stdout.write(
                f"{key}: an epoch {epoch_s:.1f} s, logging it {logged_ms:.1f} ms, "
                f"{logged_ms / 10 / epoch_s:.3f} %\n"
            )


def time_logging(
    cell: PlannedCell, workspace: Workspace, reports: tuple[EpochReport, ...], epochs: int
) -> float:
    """Median seconds to log one epoch, the journal's first written again and again."""
    log = CellLog(cell, Tracker(workspace), None)
    journal = Journal(cell.folder / "metrics.jsonl", "")
    spent = []
    for epoch in range(epochs):
        journal.append(replace(reports[epoch % len(reports)], epoch=epoch))
        began = time.perf_counter()
        log.epochs()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
