"""The page about a setting's dataset: every scan looked at once, then drawn and written."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.datasets import dataset_folder
from flows.live.progress import ProgressBoard
from flows.places import setting_file
from flows.tracing.provenance import provenance
from flows.workers.machine import worker_count
from flows.workers.pool import WorkerPool
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.dataset import Dataset, Split
from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.reporting.dataset_report.facts import Cutter, SceneFacts, scene_facts, stored_or_cut
from hcfres.reporting.dataset_report.page import Identity, render
from hcfres.reporting.dataset_report.samples import Sample, choose_scans, draw_sample
from hcfres.reporting.dataset_report.survey import (
    Survey,
    dataset_hash,
    sentences_of,
    split_lists,
)
from hcfres.store.files import write_atomic
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace

_SCANS_A_WORKER = 32
"""Fewer are looked at sooner than a worker has started."""
_JOB = "flows.data_report:look_at"


def report_data(name: str, out: Path | None, console: Console) -> Path:
    """Write the page about a setting's dataset and give its path; the dataset is only read.

    Args:
        name: of the setting, or the path of its file.
        out: folder of the page; None for the workspace's reports.
        console: is told the progress and what was found.

    Raises:
        ConfigError: there is no such setting.
        DataError: there is no dataset, or it has no list of scans.
    """
    setting = load_setting(setting_file(name))
    workspace = Workspace()
    dataset = Dataset(dataset_folder(setting, workspace))
    lists = split_lists(dataset)
    with ProgressBoard(console).open() as board:
        scans = [(scan, split) for split, names in lists.items() for scan in names]
        scenes = _look_at_all(scans, dataset, setting, workspace, board)
        sentences = sentences_of(dataset, lists)
        survey = Survey(setting.data.expressions, lists, scenes, sentences)
        cut = stored_or_cut(dataset, setting, Store(workspace.store))
        samples = _draw_all(survey, dataset, setting, cut, board)
    identity = Identity(
        dataset.name,
        dataset_hash(dataset, scenes),
        ROOMS_VERSION if setting.data.kind == "rooms" else None,
        _code(),
    )
    folder = out or workspace.root / "reports" / setting.name
    path = folder / f"dataset_{setting.name}.html"
    write_atomic(path, render(survey, samples, setting, identity))
    _tell(survey, path, console)
    return path


def look_at(
    _: Callable[[Any], None], root: str, store: str, setting: str, scan: str, split: Split
) -> SceneFacts:
    """Look at one scan, in a worker or here."""
    dataset, config, cut = _opened(root, store, setting)
    return scene_facts(dataset, scan, split, config.data.frame_every, cut)


@lru_cache(maxsize=1)
def _opened(root: str, store: str, setting: str) -> tuple[Dataset, SettingConfig, Cutter]:
    dataset, config = Dataset(Path(root)), SettingConfig.model_validate_json(setting)
    return dataset, config, stored_or_cut(dataset, config, Store(Path(store)))


def _look_at_all(
    scans: list[tuple[str, Split]],
    dataset: Dataset,
    setting: SettingConfig,
    workspace: Workspace,
    board: ProgressBoard,
) -> tuple[SceneFacts, ...]:
    """Look at every scan, on as many cores as there is work for; results in the scans' order."""
    place = (str(dataset.root), str(workspace.store), setting.model_dump_json())
    workers = min(worker_count(), len(scans) // _SCANS_A_WORKER)
    with board.bar("scans", len(scans)) as bar:
        if workers < 2:
            found = []
            for scan in scans:
                found.append(look_at(_silent, *place, *scan))
                bar.advance(note=scan[0])
            return tuple(found)
        with WorkerPool(("cpu",) * workers) as pool, ThreadPoolExecutor(workers) as threads:
            futures: list[Future[SceneFacts]] = [
                threads.submit(pool.call, _JOB, *place, *scan) for scan in scans
            ]
            try:
                for done in as_completed(futures):
                    bar.advance(note=done.result().scene_id)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                pool.close()
                raise
            return tuple(future.result() for future in futures)


def _draw_all(
    survey: Survey, dataset: Dataset, setting: SettingConfig, cut: Cutter, board: ProgressBoard
) -> tuple[Sample, ...]:
    chosen = choose_scans(survey)
    samples = []
    with board.bar("pictures", len(chosen)) as bar:
        for scan in chosen:
            samples.append(draw_sample(dataset, scan, survey, setting, cut))
            bar.advance(note=scan[0])
    return tuple(samples)


def _silent(_: Any) -> None:
    """Nobody listens."""


def _code() -> str:
    """The commit; what was changed since is named by its hash."""
    tags = provenance().tags()
    commit, changed = tags["hcfres.commit"], tags["hcfres.uncommitted"]
    return commit if changed == "nothing" else f"{commit}, with uncommitted changes {changed}"


def _tell(survey: Survey, path: Path, console: Console) -> None:
    refused = sum(bool(scene.refused) for scene in survey.scenes)
    cut = sum(scene.superpoints is not None for scene in survey.scenes)
    console.print(f"{len(survey.scenes)} scans, {refused} unreadable, {cut} with superpoints")
    for file in survey.sentences:
        said = file.refused or f"{len(file.expressions)} expressions, {len(file.rejected)} rejected"
        console.print(f"  {file.source} {file.split}: {said}", highlight=False, markup=False)
        reasons = Counter(entry.reason for entry in file.rejected)
        for reason, times in reasons.most_common(3):
            console.print(f"    {times} x {reason}", highlight=False, markup=False)
    console.print(f"wrote {path}", soft_wrap=True)
