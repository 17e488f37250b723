"""One task per scene: how a flow spreads a stage over the workers and shows how far it is."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.datasets import dataset_folder
from flows.live.expectation import SENTENCES
from flows.session import Session
from flows.stage_failures import SceneFailure
from flows.tracking.run_notes import LOGGED, mark_logged
from flows.tracking.tracked_run import Points
from flows.tracking.tracker import flatten
from flows.workers.job_log import NAME as WORKER_LOG
from flows.workers.pool import JobError, Watch
from flows.workers.retries import persist
from hcfres.config.identity import digest
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset, Split
from hcfres.pipeline.stages import TEXT


class _WaitingThreads(ThreadPoolTaskRunner[Any]):
    """As many threads as the session wants when a flow begins; at its definition there is none."""

    def duplicate(self) -> Self:
        return type(self)()  # as Prefect's settings are by now, which the session made


def waiting_threads() -> Any:
    """Make the task runner of every flow: threads that wait for workers, or other launchers."""
    return _WaitingThreads()


SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Work:
    """What a stage is run for."""

    setting: SettingConfig
    method: MethodConfig
    session: Session
    left_out: frozenset[str] = frozenset()
    """Scenes that lack something."""

    def without(self, failed: Iterable[SceneFailure]) -> "Work":
        """The same, but for the scenes for which a stage failed."""
        lost = frozenset(failure.scene for failure in failed)
        return replace(self, left_out=self.left_out | lost)

    @property
    def dataset(self) -> Dataset:
        """The setting's scenes."""
        return Dataset(dataset_folder(self.setting, self.session.workspace))

    def folder(self, stage: str) -> Path:
        """Where the note of a stage's run and its workers' log are."""
        name = f"{stage}-{digest(self.setting, self.method)}"
        return self.session.workspace.root / "stages" / name

    @cached_property
    def scenes(self) -> tuple[tuple[str, Split], ...]:
        """The scans that some sentence is about, with their split, in the lists' order."""
        source, found = self.setting.data.expressions, []
        for split in SPLITS:
            asked = {expression.scene_id for expression in self.dataset.expressions(source, split)}
            asked -= self.left_out
            found += [(name, split) for name in self.dataset.scene_ids(split) if name in asked]
        return tuple(found)


@dataclass(frozen=True)
class Outcome:
    """What came of a stage."""

    results: tuple[Any, ...]
    """Of the scenes for which it did not fail, in their order."""
    failures: tuple[SceneFailure, ...]


def stage_of_scenes(stage: str, work: Work) -> tuple[SceneFailure, ...]:
    """Put one stage of every scene into the store and log what it took; what failed is returned."""
    setting, method = work.setting.model_dump_json(), work.method.model_dump_json()
    session, log = work.session, work.folder(stage) / WORKER_LOG
    began = time.monotonic()
    outcome = over_scenes(
        stage,
        [scene for scene, _ in work.scenes],
        lambda scene: scene_stage.submit(session, stage, scene, setting, method, log),
        session,
    )
    _log(stage, work, outcome, time.monotonic() - began)
    return outcome.failures


def sentences_of_scenes(work: Work) -> tuple[SceneFailure, ...]:
    """Put the token features of every scene's sentences into the store; as `stage_of_scenes`."""
    setting, splits = work.setting.model_dump_json(), dict(work.scenes)
    session, log = work.session, work.folder(TEXT.name) / WORKER_LOG
    began = time.monotonic()
    outcome = over_scenes(
        SENTENCES,
        list(splits),
        lambda scene: scene_text.submit(session, scene, splits[scene], setting, log),
        session,
    )
    _log(TEXT.name, work, outcome, time.monotonic() - began)
    return outcome.failures


@task(cache_policy=NO_CACHE, task_run_name="{stage}-{scene}")
def scene_stage(
    session: Session, stage: str, scene: str, setting: str, method: str, log: Path
) -> float | None:
    """One stage of one scene; the store decides whether there is anything to do."""
    args = stage, scene, setting, method, session.accept_code
    return _persist("flows.jobs:make_stage", args, f"{stage} of {scene}", session, log)


@task(cache_policy=NO_CACHE, task_run_name="text-{scene}")
def scene_text(session: Session, scene: str, split: str, setting: str, log: Path) -> float | None:
    """The sentences of one scene."""
    args = scene, split, setting, session.accept_code
    return _persist("flows.jobs:make_text", args, f"sentences of {scene}", session, log)


def _persist(
    job: str, args: tuple[Any, ...], name: str, session: Session, log: Path
) -> float | None:
    """Let a worker do a job, again where the policy says so."""
    spent: float | None = persist(
        lambda: session.pool.call(job, *args, watch=Watch(log=log)),
        lambda error: session.board.say(f"{name}, again after: {error}"),
    )
    return spent


def over_scenes(
    stage: str, scenes: Sequence[str], submit: Callable[[str], Any], session: Session
) -> Outcome:
    """Submit one task a scene, show progress, and wait for all.

    Each launcher begins at a scene of its own: several on one workspace meet only at the end.

    Args:
        stage: what people call it.
        submit: submits the task of one scene and returns its Prefect future.
        session: whose workers are closed when the user interrupts.
    """
    if not scenes:
        return Outcome((), ())
    first = os.getpid() % len(scenes)
    order = [*scenes[first:], *scenes[:first]]
    with session.board.bar(stage, len(scenes)) as bar:
        outcomes = dict(zip(order, outcomes_of(submit, order, session, bar.advance), strict=True))
    found = [(scene, outcomes[scene]) for scene in scenes]
    failures = [SceneFailure(stage, *pair) for pair in found if isinstance(pair[1], JobError)]
    for failure in failures:
        session.board.say(f"{failure} failed: {failure.error}")
    results = (result for _, result in found if not isinstance(result, JobError))
    return Outcome(tuple(results), tuple(failures))


def outcomes_of(
    submit: Callable[[Any], Any],
    items: Sequence[Any],
    session: Session,
    advance: Callable[[], None],
) -> list[Any]:
    """Submit one task an item and wait for all; results, and the JobErrors of those that failed.

    Args:
        submit: submits the task of one item and returns its Prefect future.
        items: what is worked on.
        session: whose workers are closed when the user interrupts.
        advance: called as each ends.

    Raises:
        Exception: a task failed in another way: the first that did, after every other has ended.
    """
    futures = [submit(item) for item in items]
    try:
        for _ in as_completed(futures):
            advance()
    except BaseException:  # Ctrl-C; of SIGTERM Prefect makes another one
        session.pool.close()
        raise
    outcomes = [future.result(raise_on_failure=False) for future in futures]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, JobError):
            raise outcome
    return outcomes


def _log(stage: str, work: Work, outcome: Outcome, wall: float) -> None:
    """Log a stage that computed anything, or failed to: parameters, and figures by scene."""
    made = [value for value in outcome.results if value is not None]
    session, folder = work.session, work.folder(stage)
    if not made and not outcome.failures:
        session.tracker.end_open(folder)
        return
    (folder / LOGGED).unlink(missing_ok=True)
    run = session.tracker.run(folder, f"stage {stage}", "stage", session.grid)
    run.new_params({"stage": stage, **flatten(work.setting)})
    now = int(time.time() * 1000)
    each = [Points({"stage/seconds": value}, step, now) for step, value in enumerate(made)]
    totals = {
        "stage/scenes": len(outcome.results) + len(outcome.failures),
        "stage/failed": len(outcome.failures),
        "stage/made": len(made),
        "stage/total_seconds": sum(made),
        "stage/wall_seconds": wall,
    }
    run.log(points=[*each, Points(totals, 0, now)])
    if outcome.failures:
        run.artefacts([folder / WORKER_LOG])
    run.end("FAILED" if outcome.failures else "FINISHED")
    mark_logged(folder, session.tracker.store)
