"""What `hcfres reproduce` adds to a grid's wall time.

    OMP_NUM_THREADS=1 python benchmarks/orchestration.py [--cells 4] [--seconds 400] [--rooms 40 16]
    OMP_NUM_THREADS=1 python benchmarks/orchestration.py --cells 30 --seconds 60 --rooms 1 1
    OMP_NUM_THREADS=1 python benchmarks/orchestration.py --cells 1000 --nothing

The grid is run twice at the same time, by as many workers each, which costs nothing as jobs only
sleep: once bare, each job a plain call in a loop that sleeps as long as a real one computes and
writes the files that a real one writes; once by the command, with plan, jobs in worker processes, a
Prefect task each, every parameter, epoch and file logged to MLflow, the grid's run and the reports.
The time of the second begins before Prefect, MLflow and what training needs are imported; a new
workspace and a new server are part of it. The bare grid's imports are not counted, the making of
rooms and of figures in neither. Cells of nothing take no time, write next to nothing and have three
metrics in place of 250, but every parameter: what remains is what a cell costs here.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

_SETTING, _ROWS = "sleepers", 4
_PREDICTIONS_BYTES = 2_000_000
_WEIGHTS_BYTES = 4_000_000


def main() -> None:
    """Run both, and say what the difference is a share of."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCFRES_HOME"] = folder  # the bare grid has one of its own
        os.environ["EPOCHS"] = "1" if options.nothing else "10"
        os.environ["FILES"] = "0" if options.nothing else "1"
        os.environ["METRICS"] = "3" if options.nothing else "250"
        os.environ["SLEEP_SECONDS"] = str(options.seconds)
        os.environ["STAGE_SECONDS"] = str(options.stage_seconds)
        if options.bare is not None:
            get_ready(ignore)
            sys.stdout.write(str(timed(lambda: run_bare(options))))
            return
        tasks = prepare(options, Path(folder))
        bare_command = [sys.executable, *sys.argv, "--bare", str(tasks)]
        other = subprocess.Popen(bare_command, stdout=subprocess.PIPE)
        if options.nothing:
            other.wait()  # it would take processor time, not sleep
        began, ready = time.perf_counter(), list[float]()
        whole = timed(lambda: run_command(options, lambda: ready.append(time.perf_counter())))
        bare = float(other.communicate()[0])
    lines = [
        f"{options.cells} cells of {options.seconds:g} s and {tasks} stages of "
        f"{options.stage_seconds:g} s on {options.workers} workers",
        f"bare, in a loop            {bare:8.1f} s",
        f"through hcfres reproduce   {whole:8.1f} s, {whole - bare:.1f} s more, "
        f"{ready[0] - began:.1f} s of them before the first task (plan, imports, server, database)",
        f"more than bare             {100 * (whole / bare - 1):8.1f} %" if bare > 1 else "",
        f"the orchestrator's share   {100 * (1 - bare / whole):8.1f} % of the wall time",
    ]
    sys.stdout.write("\n".join(filter(None, lines)) + "\n")


def arguments() -> argparse.Namespace:
    """The command line; the defaults are the shape of `make paper`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=4, help="rounded up to whole seeds of 4 rows")
    parser.add_argument("--seconds", type=float, default=400.0, help="of a cell")
    parser.add_argument(
        "--rooms", type=int, nargs=2, default=(40, 16), help="to learn and validate"
    )
    parser.add_argument("--stage-seconds", type=float, default=1.1, help="of a scene's stage")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare", type=int, metavar="TASKS", help="the bare grid alone")
    parser.add_argument("--nothing", action="store_true", help="cells and stages of no time")
    options = parser.parse_args()
    options.cells += -options.cells % _ROWS
    if options.nothing:
        options.seconds, options.stage_seconds, options.rooms = 0.0, 0.0, (1, 1)
    return options


def prepare(options: argparse.Namespace, home: Path) -> int:
    """Write the setting and make its rooms; the number of results that its stages lack."""
    from flows.datasets import dataset_folder  # noqa: PLC0415
    from flows.places import setting_file  # noqa: PLC0415
    from flows.planning.shared_stages import shared_stages  # noqa: PLC0415
    from flows.reproduce import plan_of  # noqa: PLC0415
    from hcfres.data.rooms.build import make_rooms  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    train, val = options.rooms
    text = setting_file("smoke").read_text().replace('"smoke"', f'"{_SETTING}"')
    for key, count in {"train_rooms": train, "val_rooms": val, "frames_per_room": 1}.items():
        text = re.sub(rf"(?m)^{key}( *)= .*$", rf"{key}\1= {count}", text)
    (home / f"{_SETTING}.toml").write_text(text)
    (home / "prefect").mkdir()
    plan, workspace = plan_of(asked(options), Workspace()), Workspace()
    root = dataset_folder(plan.setting, workspace)
    make_rooms(plan.setting.data.rooms, root, lambda *_: None)
    return sum(count.missing for count in shared_stages(plan).counts)


def asked(options: argparse.Namespace) -> Any:
    """What the person at the keyboard would ask for."""
    from flows.reproduce import Asked  # noqa: PLC0415

    setting = str(Path(os.environ["HCFRES_HOME"]) / f"{_SETTING}.toml")
    return Asked(Path("table3_ablation"), setting, seeds=tuple(range(options.cells // _ROWS)))


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run_bare(options: argparse.Namespace) -> None:
    """Call the jobs from a few threads and nothing else."""
    with ThreadPoolExecutor(options.workers) as threads:
        list(threads.map(lambda _: make_stage(ignore), range(options.bare)))
        list(threads.map(bare_cell, range(options.cells)))


def bare_cell(number: int) -> None:
    """One cell's two jobs."""
    key = f"bare{number}"
    train_cell(ignore, "{}", key, False)
    evaluate_cell(ignore, "{}", key, False)


def run_command(options: argparse.Namespace, ready: Callable[[], None]) -> None:
    """The same jobs by the command; `ready` is called before each."""
    from flows import make_home  # noqa: PLC0415
    from flows.prefect_server import start_server  # noqa: PLC0415

    make_home()
    start_server()  # before Prefect is imported, as the command does
    from rich.console import Console  # noqa: PLC0415

    from flows import grid  # noqa: PLC0415
    from flows.reproduce import reproduce_and_report  # noqa: PLC0415
    from flows.workers import sites  # noqa: PLC0415
    from flows.workers.pool import NOBODY, WorkerPool  # noqa: PLC0415

    class Sleepers(WorkerPool):
        """Workers that sleep instead of computing."""

        def call(self, job: str, *args: Any, on_event: Any = None, watch: Any = NOBODY) -> Any:
            if not job.endswith("get_ready"):
                ready()
            ours = f"{Path(__file__).stem}:{job.partition(':')[2]}"
            return super().call(ours, *args, on_event=on_event, watch=watch)

    sites.WorkerPool = Sleepers  # type: ignore[misc]
    grid.write_figures = lambda *_: ()
    os.environ |= {"HCFRES_WORKERS": str(options.workers), "HCFRES_DEVICE": "cpu"}
    reproduce_and_report(asked(options), Console(file=sys.stderr))


def get_ready(_: Callable[[Any], None]) -> None:
    """Import what a real worker imports."""
    import flows.cells.jobs  # noqa: F401, PLC0415


def make_text(emit: Callable[[Any], None], *_: Any) -> float:
    """As a stage."""
    return make_stage(emit)


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
    """Sleep scene by scene, keep predictions and results, declare the cell done."""
    from hcfres.pipeline.versions import code_of_cells  # noqa: PLC0415

    folder = cell_folder(key)
    for scene in range(16):
        time.sleep(0.1 * float(os.environ["SLEEP_SECONDS"]) / 16)
        emit(scene)
    size = int(os.environ["FILES"]) * _PREDICTIONS_BYTES
    (folder / "predictions.parquet").write_bytes(os.urandom(size))
    metrics = {f"val/group{number}/miou": 0.1 for number in range(int(os.environ["METRICS"]))}
    told = json.loads(cell) or {"method": {"name": "bare"}, "seed": 0}
    about = {"key": key, "setting": _SETTING, "code": code_of_cells()}
    about |= {"method": told["method"]["name"]}
    results = about | {"seed": told["seed"], "inputs": [], "metrics": metrics}
    (folder / "results.json").write_text(json.dumps(results))
    done = about | {"seconds": float(os.environ["SLEEP_SECONDS"]), "files": {}, "hashes": {}}
    (folder / "DONE.json").write_text(json.dumps(done))


def cell_folder(key: str) -> Path:
    """Of a cell, made when missing."""
    folder = Path(os.environ["HCFRES_HOME"]) / "cells" / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ignore(_: Any) -> None:
    """Hear nothing."""


if __name__ == "__main__":
    main()
