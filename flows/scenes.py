"""One task per scene: how a flow spreads a stage over the workers and shows how far it is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.datasets import dataset_folder
from flows.session import Session
from flows.tracking import flatten
from hcfres.config.identity import digest
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset, Split

THREADS = 16
"""Threads that wait for workers; the workers, not these, bound what runs at once."""


def waiting_threads() -> Any:
    """Make the task runner of every flow: threads that wait for workers."""
    return ThreadPoolTaskRunner(max_workers=THREADS)


SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Work:
    """What a stage is run for."""

    setting: SettingConfig
    method: MethodConfig
    session: Session

    @property
    def dataset(self) -> Dataset:
        """The setting's scenes."""
        return Dataset(dataset_folder(self.setting, self.session.workspace))

    @cached_property
    def scenes(self) -> tuple[tuple[str, Split], ...]:
        """The scans that some sentence is about, with their split, in the lists' order."""
        source, found = self.setting.data.expressions, []
        for split in SPLITS:
            asked = {expression.scene_id for expression in self.dataset.expressions(source, split)}
            found += [(name, split) for name in self.dataset.scene_ids(split) if name in asked]
        return tuple(found)


def stage_of_scenes(stage: str, work: Work) -> None:
    """Put one stage of every scene into the store and log what it took."""
    setting, method = work.setting.model_dump_json(), work.method.model_dump_json()
    began = time.monotonic()
    seconds = for_each(
        lambda scene: scene_stage.submit(work.session, stage, scene, setting, method),
        [scene for scene, _ in work.scenes],
        work.session,
        stage,
    )
    _log(stage, work, seconds, time.monotonic() - began)


def sentences_of_scenes(work: Work) -> None:
    """Put the token features of every scene's sentences into the store."""
    setting = work.setting.model_dump_json()
    began = time.monotonic()
    seconds = for_each(
        lambda item: scene_text.submit(work.session, item[0], item[1], setting),
        work.scenes,
        work.session,
        "sentences",
    )
    _log("text", work, seconds, time.monotonic() - began)


@task(cache_policy=NO_CACHE, task_run_name="{stage}-{scene}")
def scene_stage(
    session: Session, stage: str, scene: str, setting: str, method: str
) -> float | None:
    """One stage of one scene; the store decides whether there is anything to do."""
    job = "flows.jobs:make_stage"
    spent: float | None = session.pool.call(job, stage, scene, setting, method, session.accept_code)
    return spent


@task(cache_policy=NO_CACHE, task_run_name="text-{scene}")
def scene_text(session: Session, scene: str, split: str, setting: str) -> float | None:
    """The sentences of one scene."""
    job = "flows.jobs:make_text"
    spent: float | None = session.pool.call(job, scene, split, setting, session.accept_code)
    return spent


def for_each(
    submit: Callable[[Any], Any], items: Sequence[Any], session: Session, name: str
) -> list[Any]:
    """Submit one task an item, show progress, and return the results in the items' order.

    Args:
        submit: submits the task of one item and returns its Prefect future.
        items: what is worked on.
        session: whose workers are closed when the user interrupts.
        name: what the progress bar is called.

    Raises:
        Exception: the first failure, after every other task has ended.
    """
    if not items:
        return []
    futures = [submit(item) for item in items]
    with session.board.bar(name, len(items)) as bar:
        try:
            for _ in as_completed(futures):
                bar.advance()
        except KeyboardInterrupt:
            session.pool.close()
            raise
    return [future.result() for future in futures]


def _log(stage: str, work: Work, seconds: list[float | None], wall: float) -> None:
    """Log a stage that computed anything: parameters, and figures by scene."""
    made = [value for value in seconds if value is not None]
    if not made:
        return
    session = work.session
    folder = session.workspace.root / "stages" / f"{stage}-{digest(work.setting, work.method)}"
    run = session.tracker.run(folder, f"stage {stage}", "stage", session.grid)
    run.params({"stage": stage, **flatten(work.setting)})
    now = int(time.time() * 1000)
    for step, value in enumerate(made):
        run.metrics({"stage/seconds": value}, step, now)
    totals = {
        "stage/scenes": len(seconds),
        "stage/made": len(made),
        "stage/total_seconds": sum(made),
        "stage/wall_seconds": wall,
    }
    run.metrics(totals, 0, now)
    run.end()
