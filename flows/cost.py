"""`hcfres cost`: what a method costs, measured in fresh processes, printed, kept and logged."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markdown import Markdown

from flows.live.progress import Bar, ProgressBoard
from flows.places import REPORTS, experiment_file, method_file, setting_file
from flows.workers.machine import own_device
from hcfres.config.experiment import ComparisonConfig, flat
from hcfres.config.loading import ConfigError, load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.errors import DataError
from hcfres.evaluation.cost.measure import Plan, SceneCost
from hcfres.evaluation.cost.records import CostRecord, DecoderRecord, read_records, write_records
from hcfres.evaluation.cost.scenes import SENTENCES, Cloud
from hcfres.evaluation.cost.subject import Subject, anatomy_of, measure_encoders, measure_generated
from hcfres.evaluation.cost.times import Budget
from hcfres.reporting.cost.page import render
from hcfres.reporting.cost.paper import Paper, PaperCost
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

PAGE, MEASURED = REPORTS / "cost.md", REPORTS / "cost"
DECODERS = "decoders"
"""Beginning of the names of what `benchmarks/decoders.py` keeps beside ours."""

_POINTS = {"rooms": (9_000, 18_000, 36_000), "scannet": (50_000, 150_000, 300_000)}
"""By kind of dataset: half a scan's usual number, that number, and double."""
_POINTS_EACH = {"rooms": 60, "scannet": 50}
"""Points of a superpoint, on average."""

R = TypeVar("R")


@dataclass(frozen=True)
class Asked:
    """What is measured."""

    methods: tuple[str, ...]
    settings: tuple[str, ...]
    device: str | None
    """`cpu` or `cuda`; None for a GPU where there is one."""
    points: tuple[int, ...]
    """Of the scenes; none for the setting's own sizes."""
    expressions: tuple[int, ...]
    frames: int
    """On which the encoders are measured; 0 leaves them out."""
    budget: Budget


@dataclass(frozen=True)
class Kept:
    """Where it goes beside the console."""

    json: Path | None
    write: bool
    """Into the repository's reports."""


def report_cost(asked: Asked, kept: Kept, console: Console) -> tuple[CostRecord, ...]:
    """Measure every method in every setting, print the page, and keep what is to be kept.

    Raises:
        ConfigError: no such method, setting or device.
        DataError: a process ended while it measured, or a kept measurement cannot be read.
    """
    subjects = _subjects(asked)
    load_before = os.getloadavg()[0]
    with ProgressBoard(console).open() as board:
        records = tuple(_measured(subject, asked, load_before, board) for subject in subjects)
    page = render(records, (), paper_costs())
    console.print(Markdown(page))
    if kept.json is not None:
        write_records(kept.json, CostRecord, *records)
    if kept.write:
        for record in records:
            name = f"{record.setting}-{record.method}-{record.rig.device}.json"
            write_records(MEASURED / name, CostRecord, record)
        write_page(console)
    if Workspace().root.is_dir():
        for record in records:
            _log(record)
    return records


def write_page(console: Console) -> None:
    """Write reports/cost.md from everything that was measured and kept."""
    write_atomic(PAGE, written_page().encode())
    console.print(f"wrote {PAGE.name} to {PAGE.parent}")


def written_page() -> str:
    """Render everything that was measured and kept.

    Raises:
        DataError: one of the files is not of this version.
    """
    files = sorted(MEASURED.glob("*.json"))
    decoders = [path for path in files if path.name.startswith(DECODERS)]
    costs = [record for path in files if path not in decoders for record in _read(path)]
    compared = [record for path in decoders for record in read_records(path, DecoderRecord)]
    return render(costs, compared, paper_costs())


def paper_costs() -> Paper:
    """Read what Table IV prints."""
    table = load(experiment_file("table4_cost"), ComparisonConfig)
    numbers = {method: flat(printed) for method, printed in table.paper.items()}
    costs = {m: PaperCost(n["params_m"], n["inference_ms"]) for m, n in numbers.items()}
    return Paper("scannet", costs)


def _read(path: Path) -> tuple[CostRecord, ...]:
    return read_records(path, CostRecord)


def _subjects(asked: Asked) -> tuple[Subject, ...]:
    methods = [load(method_file(name), MethodConfig) for name in asked.methods]
    settings = [load_setting(setting_file(name)) for name in asked.settings]
    device, weights = _device(asked.device), Workspace().weights
    return tuple(Subject(m, s, weights, device) for s in settings for m in methods)


def _device(asked: str | None) -> str:
    if asked not in (None, "cpu", "cuda"):
        raise ConfigError(f"--device is {asked!r}: give cpu or cuda, or leave it out")
    if asked == "cpu":
        return "cpu"
    found = own_device()
    if asked == "cuda" and found == "cpu":
        raise ConfigError("--device is cuda, but torch finds no GPU here: leave it out, or say cpu")
    return found


def _measured(subject: Subject, asked: Asked, load: float, board: ProgressBoard) -> CostRecord:
    name = f"{subject.method.name}, {subject.setting.name}"
    clouds = _clouds(subject.setting, asked)
    plan = Plan(SENTENCES, asked.expressions, asked.budget)
    with board.bar(name, 1 + len(clouds) + bool(asked.frames)) as bar:
        anatomy = _apart(bar, "parameters", anatomy_of, subject, load)
        scenes: list[SceneCost] = []
        for cloud in clouds:
            note = f"{cloud.points:,} points"
            scenes.append(_apart(bar, note, measure_generated, subject, cloud, plan))
        one_off = None
        if asked.frames:
            note = "SAM, CLIP and lifting"
            one_off = _apart(bar, note, measure_encoders, subject, asked.frames, asked.budget)
    return CostRecord(
        rig=anatomy.rig,
        method=subject.method.name,
        title=subject.method.title,
        setting=subject.setting.name,
        text=anatomy.text,
        parts=anatomy.parts,
        scenes=tuple(scenes),
        one_off=one_off,
    )


def _clouds(setting: SettingConfig, asked: Asked) -> tuple[Cloud, ...]:
    kind, spacing = setting.data.kind, setting.size.voxel_m
    points = sorted(asked.points or _POINTS[kind])
    return tuple(Cloud(n, max(1, n // _POINTS_EACH[kind]), spacing) for n in points)


def _apart(bar: Bar, what: str, job: Callable[..., R], *args: Any) -> R:
    """Run `job` in a process of its own, which then ends: its first pass is cold."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            found = process.submit(job, *args).result()
    except BrokenProcessPool:
        reason = "its process ended, as it does when memory is short"
        raise DataError("hcfres cost", reason, "Measure fewer --points", what) from None
    bar.advance(note=what)
    return found


def _log(record: CostRecord) -> None:
    """Keep a measurement as an MLflow run of its own kind."""
    from flows.tracking.embedded import in_use  # noqa: PLC0415
    from flows.tracking.tracker import Tracker  # noqa: PLC0415  imports MLflow

    workspace = Workspace()
    name = f"{record.method}-{record.setting}-{record.rig.device}"
    folder = workspace.root / "cost" / name
    folder.mkdir(parents=True, exist_ok=True)
    with in_use(workspace):
        run = Tracker(workspace).run(folder, f"cost of {name}", "cost")
        run.tags({"hcfres.method": record.method, "hcfres.setting": record.setting})
        run.tags({"hcfres.rig": record.rig.said})
        run.metrics(dict(_metrics(record)), 0, int(time.time() * 1000))
        run.describe(render((record,), (), paper_costs()))
        run.end()


def _metrics(record: CostRecord) -> Iterator[tuple[str, float]]:
    """Name the numbers of a record as the cells' are named."""
    for scene in record.scenes:
        at = f"cost/{scene.points}_points"
        yield f"{at}/inference_ms", scene.warm.whole.median_ms
        yield f"{at}/cold_ms", scene.cold_ms
        for group in scene.groups:
            yield f"{at}/expression_ms_of_{group.expressions}", group.each_ms
    if record.one_off is not None:
        yield "cost/one_off_scan_ms", record.one_off.scan_ms
