"""What of the stages that cells share is in the store already, found without reading a scan."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import SPLITS, Dataset, Source
from hcfres.data.expression import Expression
from hcfres.pipeline.jobs import Job
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.seen import NotSeenError, RememberedDataset, UnreadDataset, notes_of
from hcfres.pipeline.slices import stage_names
from hcfres.pipeline.stage_count import StageCount
from hcfres.pipeline.stages import STAGES
from hcfres.pipeline.text import text_job
from hcfres.store.entry import Record, read_record
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace

State = Literal["done", "missing", "stopped", "unsure"]
"""`stopped`: an expensive result of other code, which a run does not throw away unasked;
`unsure`: something is there, but the scan's files were never read or have changed since."""


@dataclass
class _Found:
    """What was found of one stage so far."""

    states: dict[tuple[str, str], State] = field(default_factory=dict)
    """By scene and key."""
    records: list[Record] = field(default_factory=list)

    def count(self, stage: str) -> StageCount:
        states = list(self.states.values())
        sizes = [sum(file.size for file in record.files) for record in self.records]
        return StageCount(
            stage=stage,
            results=len(states),
            done=states.count("done"),
            missing=states.count("missing"),
            stopped=states.count("stopped"),
            unsure=states.count("unsure"),
            seconds=statistics.fmean(r.seconds for r in self.records) if self.records else None,
            size=statistics.fmean(sizes) if sizes else None,
        )


def survey(
    root: Path,
    setting: SettingConfig,
    methods: Iterable[MethodConfig],
    workspace: Workspace,
    accept_code: bool = False,
) -> tuple[StageCount, ...]:
    """Count the stages of all scenes that some methods need, in the order of the line.

    Args:
        root: of the dataset.
        accept_code: expensive results of other code will be kept.

    Raises:
        DataError: the dataset, its lists or its sentences are not there or broken.
    """
    look, methods = _Look(root, setting, workspace, accept_code), tuple(methods)
    asked = asked_scenes(Dataset(root), setting.data.expressions)
    for scene, sentences in asked.items():
        for method in methods:
            look.at_scene(scene, method)
        look.at(text_job(scene, sentences, setting.text, look.preparation))
    return tuple(look.found[s.name].count(s.name) for s in STAGES if s.name in look.found)


class _Look:
    """What was seen of every stage so far."""

    def __init__(
        self, root: Path, setting: SettingConfig, workspace: Workspace, accept_code: bool
    ) -> None:
        store = Store(workspace.store, accept_code)
        self.preparation = Preparation(store, Machine(workspace.weights))
        self.found: dict[str, _Found] = defaultdict(_Found)
        self._setting = setting
        self._sources = RememberedDataset(root, notes_of(root, store.root)), UnreadDataset(root)
        self._scenes = cache(lambda stage: scenes_of(store.root / stage))

    def at_scene(self, scene: str, method: MethodConfig) -> None:
        """Look at the stages of a scene that a method needs."""
        remembered, unread = (
            SceneJobs(source, scene, self._setting, method, self.preparation)
            for source in self._sources
        )
        for stage in stage_names(method):
            try:
                self.at(getattr(remembered, stage))
            except NotSeenError:
                known = scene in self._scenes(stage)
                key = getattr(unread, stage).key
                self.found[stage].states[scene, key] = "unsure" if known else "missing"

    def at(self, job: Job[Any]) -> None:
        """Look at one result whose key is known."""
        place, found = (job.label, job.key), self.found[job.stage.name]
        if place in found.states:
            return
        state = job.store.state(job.stage, *place)
        if state == "other code":
            found.states[place] = "stopped" if job.stage.expensive else "missing"
        else:
            found.states[place] = state
        if state != "missing" and (record := read_record(job.folder)):
            found.records.append(record)


def scenes_of(folder: Path) -> frozenset[str]:
    """The scenes of which the store's folder of a stage has any result."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return frozenset(path.name.rpartition("-")[0] for path in paths)


def asked_scenes(dataset: Dataset, source: Source) -> dict[str, tuple[Expression, ...]]:
    """The scans that some sentence of training or validation is about, with these sentences."""
    asked: dict[str, list[Expression]] = {}
    listed: list[str] = []
    for split in SPLITS[:2]:
        for expression in dataset.expressions(source, split):
            asked.setdefault(expression.scene_id, []).append(expression)
        listed += dataset.scene_ids(split)
    return {name: tuple(asked[name]) for name in listed if name in asked}
