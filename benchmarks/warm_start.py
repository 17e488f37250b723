"""How long a cell takes to start: from its task's submission to its first training step.

    OMP_NUM_THREADS=1 python benchmarks/warm_start.py [--cells 5]

Cells of the setting `smoke`, one after the other in one worker, through the flow, the worker and
MLflow as every grid's; rooms and features are made before. The first cell finds a new process, the
others a warm one.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIRST_STEP = "first step"


def main() -> None:
    """Start cells and say what each start took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5)
    count = parser.parse_args().cells
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCFRES_HOME"] = folder
        (Path(folder) / "prefect").mkdir()
        seconds = starts(count)
    lines = [f"cell {number}: {one:6.2f} s" for number, one in enumerate(seconds, 1)]
    lines.append(f"median after the first: {statistics.median(seconds[1:]):.2f} s")
    sys.stdout.write("\n".join(lines) + "\n")


def starts(count: int) -> list[float]:
    """Run `count` cells; for each the seconds from submission to its first training step."""
    from flows.prefect_server import start_server  # noqa: PLC0415

    start_server()
    from prefect import flow  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flows import session as sessions  # noqa: PLC0415
    from flows.groundwork import lay_groundwork  # noqa: PLC0415
    from flows.held import Held  # noqa: PLC0415
    from flows.places import experiment_file  # noqa: PLC0415
    from flows.planning.plan import make_plan  # noqa: PLC0415
    from flows.train import one_cell  # noqa: PLC0415
    from flows.workers import sites  # noqa: PLC0415
    from flows.workers.pool import NOBODY, WorkerPool  # noqa: PLC0415
    from hcfres.config.rows import load_experiment  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    begun: list[float] = []

    class Listening(WorkerPool):
        """Lets cells tell of their first step."""

        def call(self, job: str, *args: Any, on_event: Any = None, watch: Any = NOBODY) -> Any:
            def heard(told: Any) -> Any:
                if isinstance(told, tuple) and told[0] == FIRST_STEP:
                    begun.append(told[1])
                    return None
                return on_event(told) if on_event is not None else None

            if job.endswith(":train_cell"):
                job = f"{Path(__file__).stem}:train_cell"
            return super().call(job, *args, on_event=heard, watch=watch)

    @flow(validate_parameters=False)
    def one_by_one(session: sessions.Session) -> list[float]:
        lay_groundwork(plan, session)
        submitted = []
        for cell in plan.cells:
            submitted.append(time.monotonic())
            one_cell.submit(Held(cell), Held(session)).result()
        return submitted

    experiment = load_experiment(experiment_file("table3_ablation"))
    setting = experiment.setting("smoke")
    workspace = Workspace()
    seeds = tuple(range(count))
    plan = make_plan(experiment, setting, workspace, "benchmark", ("vsd+mlf",), seeds)
    sites.WorkerPool = Listening  # type: ignore[misc]
    os.environ |= {"HCFRES_WORKERS": "1", "HCFRES_DEVICE": "cpu"}
    with sessions.open_session(workspace, Console(file=sys.stderr)) as session:
        submitted = one_by_one(session)
    return [step - task for task, step in zip(submitted, begun, strict=True)]


def train_cell(emit: Callable[[Any], None], *args: Any) -> None:
    """Train a cell as workers do, and tell when its first step begins."""
    from flows import jobs  # noqa: PLC0415
    from hcfres.training import loop  # noqa: PLC0415

    learn = loop.learn

    def first(*given: Any) -> Any:
        emit((FIRST_STEP, time.monotonic()))
        loop.learn = learn
        return learn(*given)

    loop.learn = first
    try:
        jobs.train_cell(emit, *args)
    finally:
        loop.learn = learn


if __name__ == "__main__":
    main()
