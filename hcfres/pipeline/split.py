"""The scenes of a split that have sentences: prepared when asked for, batched for a step."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.batch import Batch
from hcfres.data.dataset import Dataset, Split
from hcfres.data.expression import Expression
from hcfres.pipeline.collate import collate
from hcfres.pipeline.jobs import Job
from hcfres.pipeline.samples import SceneSample, make_sample
from hcfres.pipeline.scene import Preparation, PreparedScene, SceneJobs
from hcfres.pipeline.text import text_job

KEPT = 128
"""Samples held in memory."""


@runtime_checkable
class Chosen(Protocol):
    """Some sentences of one scene."""

    @property
    def scene_id(self) -> str:
        """The scene."""
        ...

    @property
    def expressions(self) -> tuple[int, ...]:
        """Places among the scene's sentences."""
        ...


@dataclass(frozen=True)
class PreparedSplit:
    """Some scenes of a dataset for one method in one setting."""

    dataset: Dataset
    split: Split
    setting: SettingConfig
    method: MethodConfig
    preparation: Preparation
    only: frozenset[str] | None = None
    """The scans that count; None for all of the split."""
    _kept: OrderedDict[str, SceneSample] = field(default_factory=OrderedDict, compare=False)

    @cached_property
    def expressions(self) -> dict[str, tuple[Expression, ...]]:
        """The sentences of each scene that has some, scenes in the split's order."""
        found: dict[str, list[Expression]] = {}
        for expression in self.dataset.expressions(self.setting.data.expressions, self.split):
            found.setdefault(expression.scene_id, []).append(expression)
        return {
            scene_id: tuple(found[scene_id])
            for scene_id in self.dataset.scene_ids(self.split)
            if scene_id in found and (self.only is None or scene_id in self.only)
        }

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """The scenes that have sentences."""
        return tuple(self.expressions)

    @property
    def asked(self) -> int:
        """How many expressions there are."""
        return sum(map(len, self.expressions.values()))

    @property
    def counts(self) -> dict[str, int]:
        """Sentences of each scene."""
        return {scene_id: len(found) for scene_id, found in self.expressions.items()}

    def jobs(self, scene_id: str) -> tuple[Job[Any], ...]:
        """Every stage of a scene, each after those it is made from; its sentences last."""
        return (*self._scene_jobs(scene_id).all, self._text_job(scene_id))

    def missing(self, scene_id: str) -> tuple[Job[Any], ...]:
        """The stages of a scene that are still to be made."""
        text = self._text_job(scene_id)
        absent = (text,) if text.find() is None else ()
        return (*self._scene_jobs(scene_id).missing(), *absent)

    def prepared(self, scene_id: str) -> PreparedScene:
        """The scene and its features, read anew."""
        return self._scene_jobs(scene_id).prepare()

    def sample(self, scene_id: str) -> SceneSample:
        """The scene with all its sentences; the KEPT used last stay in memory."""
        if scene_id not in self._kept:
            text = self._text_job(scene_id).value()
            prepared = self.prepared(scene_id)
            self._kept[scene_id] = make_sample(prepared, self.expressions[scene_id], text)
        self._kept.move_to_end(scene_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[scene_id]

    def batch(self, chunks: Iterable[Chosen], rngs: Sequence[np.random.Generator]) -> Batch:
        """Scenes and sentences to learn from, each chunk's scene changed by its generator."""
        samples = [self.sample(chunk.scene_id).take(chunk.expressions) for chunk in chunks]
        return collate(samples, self.setting.size.voxel_m, rngs, self.setting.training.augment)

    def whole(self, scene_id: str) -> Batch:
        """A scene with all its sentences, unchanged."""
        return collate([self.sample(scene_id)], self.setting.size.voxel_m)

    def widths(self) -> tuple[int | None, int]:
        """Widths of the image features (None without images) and of the text features."""
        sample = self.sample(self.scene_ids[0])
        dense = sample.dense.features.shape[1] if sample.dense is not None else None
        return dense, sample.text.features.shape[2]

    def _scene_jobs(self, scene_id: str) -> SceneJobs:
        return SceneJobs(self.dataset, scene_id, self.setting, self.method, self.preparation)

    def _text_job(self, scene_id: str) -> Job[Any]:
        sentences: Sequence[Expression] = self.expressions[scene_id]
        return text_job(scene_id, sentences, self.setting.text, self.preparation)
