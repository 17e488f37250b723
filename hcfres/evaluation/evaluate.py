"""Evaluating a network on a split: accuracies, predictions, and what to hold them against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from hcfres.config.setting import SettingConfig
from hcfres.data.batch import Batch, TextBatch
from hcfres.evaluation.answers import (
    SceneAnswers,
    SceneTruth,
    Scores,
    join_answers,
    scene_answers,
    score,
)
from hcfres.evaluation.baselines import PREDICTORS, score_masks
from hcfres.evaluation.groups import GroupMetrics, group_metrics
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.model.encoder import SceneEncoding
from hcfres.model.network import HcfRes
from hcfres.model.output import Rule

TOGETHER = 64
"""Sentences decoded at a time."""


@runtime_checkable
class Scenes(Protocol):
    """The scenes of a split, prepared."""

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """Scans in order."""

    def truth(self, scene_id: str) -> SceneTruth:
        """The scan, its superpoints, its expressions and where their targets lie."""

    def whole(self, scene_id: str) -> Batch:
        """The scene with all its vertices and expressions, without augmentation."""


@dataclass(frozen=True)
class AnswerRules:
    """How predictions become answers."""

    rule: Rule
    """"gres" for Multi3DRefer, "res" for ScanRefer."""
    min_points: int
    """Fewer predicted vertices mean "nothing"; without effect under "res", which always answers."""

    @property
    def least(self) -> int:
        """The number of points that is in force."""
        return self.min_points if self.rule == "gres" else 0


def rules_of(setting: SettingConfig) -> AnswerRules:
    """3D-GRES on Multi3DRefer, where nothing may be meant; 3D-RES, always one, on ScanRefer."""
    rule: Rule = "gres" if setting.data.expressions == "multi3drefer" else "res"
    return AnswerRules(rule, setting.min_points)


@dataclass(frozen=True)
class CellScores:
    """The outcome of an evaluation."""

    metrics: GroupMetrics
    shuffled: GroupMetrics
    """Of the same network, each sentence put in the place of another of its scene."""
    predictors: dict[str, GroupMetrics]
    """By the names of `baselines.PREDICTORS`."""

    def flat(self) -> dict[str, float]:
        """Every number: `group/score`, `shuffled/group/score`, `predictor/group/score`."""
        others = {"shuffled": self.shuffled, **self.predictors}
        return self.metrics.flat() | {
            f"{name}/{key}": value
            for name, metrics in others.items()
            for key, value in metrics.flat().items()
        }


@dataclass
class Tally:
    """Scores gathered scene by scene."""

    eval_types: list[str] = field(default_factory=list)
    ious: list[np.ndarray] = field(default_factory=list)
    nothing: list[np.ndarray] = field(default_factory=list)

    def add(self, truth: SceneTruth, scores: Scores) -> None:
        """Take in the expressions of one scene."""
        self.eval_types += [expression.eval_type for expression in truth.expressions]
        self.ious.append(scores.ious)
        self.nothing.append(scores.nothing)

    def metrics(self) -> GroupMetrics:
        """The averages over everything that was added."""
        ious = np.concatenate(self.ious or [np.zeros(0)])
        nothing = np.concatenate(self.nothing or [np.zeros(0, dtype=bool)])
        return group_metrics(self.eval_types, ious, nothing)


Progress = Callable[[int, int, str], None]
"""Told how many scenes are done, of how many, and the name of the last."""


def evaluate_cell(
    network: HcfRes,
    scenes: Scenes,
    source: PredictionSource,
    path: Path,
    progress: Progress | None = None,
    seed: int = 0,
) -> CellScores:
    """Answer every expression, write predictions.parquet, and score what there is to compare.

    Args:
        network: on the device it is to run on; put into evaluation mode.
        scenes: of the split to report.
        source: says what the predictions are of, and by which rules they answer.
        path: of the file; it appears only when complete.
        progress: called after each scene.
        seed: of the random predictor and of the shuffled sentences.
    """
    rules = AnswerRules(source.rule, source.min_points)
    rng = np.random.default_rng([seed, len(scenes.scene_ids)])
    own, shuffled = Tally(), Tally()
    others = {name: Tally() for name in PREDICTORS}
    answered = _answered(network, scenes, source, path, own)
    for number, (truth, encoded, text) in enumerate(answered, 1):
        order = _derangement(len(truth.expressions), rng)
        mixed = _answers(network, encoded, _rows(text, order), rules)
        shuffled.add(truth, _scores(truth, mixed, rules))
        for name, predictor in PREDICTORS.items():
            others[name].add(truth, score_masks(truth, predictor(truth, rng), rules.least))
        if progress is not None:
            progress(number, len(scenes.scene_ids), truth.scene.scene_id)
    predictors = {name: tally.metrics() for name, tally in others.items()}
    return CellScores(own.metrics(), shuffled.metrics(), predictors)


def evaluate_weights(
    network: HcfRes,
    scenes: Scenes,
    source: PredictionSource,
    path: Path,
    progress: Progress | None = None,
) -> GroupMetrics:
    """Answer every expression, write predictions.parquet and score it, as `evaluate_cell` does,
    but with nothing to hold it against."""
    own = Tally()
    for number, (truth, _, _) in enumerate(_answered(network, scenes, source, path, own), 1):
        if progress is not None:
            progress(number, len(scenes.scene_ids), truth.scene.scene_id)
    return own.metrics()


def held_out_miou(network: HcfRes, scenes: Scenes, rules: AnswerRules) -> float:
    """Mean IoU over the expressions of `scenes`; the network's mode is as before afterwards."""
    training = network.training
    tally = Tally()
    try:
        for truth, encoded, text in _encoded(network, scenes):
            tally.add(truth, _scores(truth, _answers(network, encoded, text, rules), rules))
    finally:
        network.train(training)
    return tally.metrics().miou


def _answered(
    network: HcfRes, scenes: Scenes, source: PredictionSource, path: Path, own: Tally
) -> Iterator[tuple[SceneTruth, SceneEncoding, TextBatch]]:
    """Answer, write and score scene after scene; what was asked is given back for more."""
    rules = AnswerRules(source.rule, source.min_points)
    with PredictionWriter(path, source) as file:
        for truth, encoded, text in _encoded(network, scenes):
            answers = _answers(network, encoded, text, rules)
            scores = _scores(truth, answers, rules)
            own.add(truth, scores)
            file.write(truth, answers, scores)
            yield truth, encoded, text


def _encoded(
    network: HcfRes, scenes: Scenes
) -> Iterator[tuple[SceneTruth, SceneEncoding, TextBatch]]:
    """Each scene's truth, its encoding, and its sentences."""
    network.eval()
    device = next(network.parameters()).device
    for scene_id in scenes.scene_ids:
        truth = scenes.truth(scene_id)
        if not truth.expressions:
            continue
        batch = scenes.whole(scene_id).to(device)
        with torch.no_grad():
            encoded = network.encode(batch.scenes)
        yield truth, encoded, batch.text


@torch.no_grad()
def _answers(
    network: HcfRes, encoded: SceneEncoding, text: TextBatch, rules: AnswerRules
) -> SceneAnswers:
    parts = [
        scene_answers(network.decode(encoded, _rows(text, chosen)), rules.rule)
        for chosen in torch.arange(len(text.features)).split(TOGETHER)
    ]
    return join_answers(parts)


def _scores(truth: SceneTruth, answers: SceneAnswers, rules: AnswerRules) -> Scores:
    return score(truth, answers.chosen, answers.answered, rules.least)


def _rows(text: TextBatch, chosen: Int[Tensor, " chosen"]) -> TextBatch:
    """Some of the sentences, without the padding that none of them needs."""
    index = chosen.to(text.features.device)
    valid = text.valid[index]
    longest = int(valid.sum(1).max())
    return replace(
        text,
        features=text.features[index, :longest],
        valid=valid[:, :longest],
        scene_of_expression=text.scene_of_expression[index],
        ids=None if text.ids is None else text.ids[index, :longest],
    )


def _derangement(count: int, rng: np.random.Generator) -> Int[Tensor, " expressions"]:
    """A permutation that leaves no place as it was, if there are at least two."""
    order = rng.permutation(count)
    other = np.empty(count, dtype=np.int64)
    other[order] = np.roll(order, 1)
    return torch.from_numpy(other)
