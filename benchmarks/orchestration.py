"""What Prefect, MLflow and the workers add to a grid's wall time.

    OMP_NUM_THREADS=1 python benchmarks/orchestration.py [--cells 4] [--seconds 400] [--tasks 448]
    OMP_NUM_THREADS=1 python benchmarks/orchestration.py --cells 30 --seconds 60 --tasks 0
    OMP_NUM_THREADS=1 python benchmarks/orchestration.py --cells 1000 --nothing

The grid is run twice at the same time, by as many workers each, which costs nothing as jobs only
sleep: once bare, each job a plain call that sleeps as long as a real one computes and writes the
files that a real one writes; once through the flows, with the jobs in worker processes, a Prefect
task each, every parameter, epoch and file logged to MLflow. The time of the second begins before
Prefect, MLflow and what training needs are imported and ends with the grid's run closed; a new
workspace and a new server are part of it. The bare grid's imports are not counted. Cells of nothing
take no time, write next to nothing and have three metrics in place of 250, but every parameter:
what remains is what a cell costs here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

_PREDICTIONS_BYTES = 2_000_000
_WEIGHTS_BYTES = 4_000_000


def main() -> None:
    """Run both, and say what the difference is a share of."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCFRES_HOME"] = folder
        os.environ["EPOCHS"] = "1" if options.nothing else "10"
        os.environ["FILES"] = "0" if options.nothing else "1"
        os.environ["METRICS"] = "3" if options.nothing else "250"
        os.environ["SLEEP_SECONDS"] = str(options.seconds)
        os.environ["STAGE_SECONDS"] = str(options.stage_seconds)
        if options.bare:
            get_ready(ignore)
            sys.stdout.write(str(timed(lambda: run_bare(options))))
            return
        (Path(folder) / "prefect").mkdir()
        import flows  # noqa: F401, PLC0415  sets what Prefect reads at its own import

        other = subprocess.Popen([sys.executable, *sys.argv, "--bare"], stdout=subprocess.PIPE)
        if options.nothing:
            other.wait()  # it would take processor time, not sleep
        began = time.perf_counter()
        ready: list[float] = []
        whole = timed(lambda: run_flows(options, lambda: ready.append(time.perf_counter())))
        bare = float(other.communicate()[0])
    share = (whole - bare) / whole
    lines = [
        f"{options.cells} cells of {options.seconds:g} s and {options.tasks} stages of "
        f"{options.stage_seconds:g} s on {options.workers} workers",
        f"bare               {bare:8.1f} s",
        f"through the flows  {whole:8.1f} s, {whole - bare:.1f} s more, "
        f"{ready[0] - began:.1f} s of them before the first task (imports, server, database)",
        f"orchestrator's share of the wall time {100 * share:.1f} %",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def arguments() -> argparse.Namespace:
    """The command line; the defaults are the shape of `make paper`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=400.0, help="of a cell")
    parser.add_argument("--tasks", type=int, default=448, help="8 stages of 56 scenes")
    parser.add_argument("--stage-seconds", type=float, default=1.4, help="of a scene's stage")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare", action="store_true", help="the bare grid alone")
    parser.add_argument("--nothing", action="store_true", help="cells that do nothing, no stages")
    options = parser.parse_args()
    if options.nothing:
        options.seconds, options.tasks = 0.0, 0
    return options


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run_bare(options: argparse.Namespace) -> None:
    """Call the jobs from a few threads and nothing else."""
    with ThreadPoolExecutor(options.workers) as threads:
        list(threads.map(lambda _: make_stage(ignore), range(options.tasks)))
        list(threads.map(bare_cell, range(options.cells)))


def bare_cell(number: int) -> None:
    """One cell's two jobs."""
    key = f"bare{number}"
    train_cell(ignore, "{}", key, False)
    evaluate_cell(ignore, "{}", key, False)


def run_flows(options: argparse.Namespace, ready: Callable[[], None]) -> None:
    """The same jobs as `hcfres reproduce` runs its own; `ready` is called before the first."""
    from flows.prefect_server import start_server, wait_for_server  # noqa: PLC0415

    start_server()
    from prefect import flow  # noqa: PLC0415
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from flows.grid import open_grid, train_cells  # noqa: PLC0415
    from flows.held import Held  # noqa: PLC0415
    from flows.live.progress import ProgressBoard  # noqa: PLC0415
    from flows.places import experiment_file  # noqa: PLC0415
    from flows.planning.plan import make_plan  # noqa: PLC0415
    from flows.scenes import over_scenes, scene_stage  # noqa: PLC0415
    from flows.session import Session  # noqa: PLC0415
    from flows.tracking.tracker import Tracker  # noqa: PLC0415
    from flows.workers.pool import NOBODY, WorkerPool  # noqa: PLC0415
    from hcfres.config.rows import load_experiment  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    class Sleepers(WorkerPool):
        """Workers that sleep instead of computing."""

        def call(self, job: str, *args: Any, on_event: Any = None, watch: Any = NOBODY) -> Any:
            ours = f"{Path(__file__).stem}:{job.partition(':')[2]}"
            return super().call(ours, *args, on_event=on_event, watch=watch)

    @flow(validate_parameters=False, task_runner=ThreadPoolTaskRunner(max_workers=16))
    def stages(session: Session) -> None:
        ready()
        log = session.workspace.root / "stages" / "worker.log"
        over_scenes(
            "stages",
            [str(number) for number in range(options.tasks)],
            lambda scene: scene_stage.submit(session, "sleep", scene, "", "", log),
            session,
        )

    @flow(validate_parameters=False, task_runner=ThreadPoolTaskRunner())
    def grid_flow(session: Session) -> None:
        stages(session)
        if failed := train_cells(Held(plan), session):
            raise RuntimeError(f"failed: {failed}")

    workspace = Workspace()
    experiment = load_experiment(experiment_file("table3_ablation"))
    seeds = tuple(range(-(-options.cells // len(experiment.rows))))
    whole = make_plan(experiment, experiment.setting("smoke"), workspace, "benchmark", seeds=seeds)
    plan = replace(whole, cells=whole.cells[: options.cells])
    console = Console(file=sys.stderr)
    with Sleepers(("cpu",) * options.workers) as pool, ProgressBoard(console).open() as board:
        pool.warm("flows.jobs:get_ready")
        session = Session(workspace, pool, Tracker(workspace), board)
        wait_for_server()
        grid = open_grid(plan, session)
        grid_flow(replace(session, grid=grid))
        grid.end()


def get_ready(_: Callable[[Any], None]) -> None:
    """Import what a real worker imports."""
    import flows.cells.jobs  # noqa: F401, PLC0415


def make_stage(emit: Callable[[Any], None], *_: Any) -> float:
    """Sleep as long as one stage of one scene."""
    seconds = float(os.environ["STAGE_SECONDS"])
    time.sleep(seconds)
    return seconds


def train_cell(emit: Callable[[Any], None], cell: str, key: str, *_: Any) -> None:
    """Sleep epoch by epoch and keep a journal, a checkpoint and weights."""
    from hcfres.training.journal import EpochReport  # noqa: PLC0415

    folder = cell_folder(key)
    (folder / "cell.json").write_text(cell)
    (folder / "checkpoint").mkdir(exist_ok=True)
    losses = dict.fromkeys(("total", "mask_bce", "mask_dice", "score", "sampling"), 1.0)
    epochs, size = int(os.environ["EPOCHS"]), int(os.environ["FILES"]) * _WEIGHTS_BYTES
    for epoch in range(epochs):
        time.sleep(0.9 * float(os.environ["SLEEP_SECONDS"]) / epochs)
        report = asdict(EpochReport(epoch, epochs, losses, 1.0, 1e-3, 0.1, 1.0, 1e3, 1.0))
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(report) + "\n")
        (folder / "checkpoint" / "state.safetensors").write_bytes(bytes(3 * size))
        emit(report)
    (folder / "weights.safetensors").write_bytes(bytes(size))


def evaluate_cell(emit: Callable[[Any], None], cell: str, key: str, *_: Any) -> None:
    """Sleep scene by scene and keep predictions and results."""
    folder = cell_folder(key)
    for scene in range(16):
        time.sleep(0.1 * float(os.environ["SLEEP_SECONDS"]) / 16)
        emit(scene)
    size = int(os.environ["FILES"]) * _PREDICTIONS_BYTES
    (folder / "predictions.parquet").write_bytes(os.urandom(size))
    metrics = {f"val/group{number}/miou": 0.1 for number in range(int(os.environ["METRICS"]))}
    results = {"code": "benchmark", "inputs": [], "metrics": metrics}
    (folder / "results.json").write_text(json.dumps(results))


def cell_folder(key: str) -> Path:
    """Of a cell, made when missing."""
    folder = Path(os.environ["HCFRES_HOME"]) / "cells" / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ignore(_: Any) -> None:
    """Hear nothing."""


if __name__ == "__main__":
    main()
