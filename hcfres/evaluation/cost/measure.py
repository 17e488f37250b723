"""One size of scene measured: cold, warm, its parts, and sentences about it in groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from hcfres.data.batch import SceneBatch
from hcfres.evaluation.cost.definitions import OF_SCENE, Part
from hcfres.evaluation.cost.memory import Gauge, Memory
from hcfres.evaluation.cost.passes import (
    Answerer,
    Begin,
    Laps,
    Question,
    telling,
    unheard,
)
from hcfres.evaluation.cost.times import Budget, Times, timed, times_of
from hcfres.model.backbone import voxelise

_WARM_UP = 2


@dataclass(frozen=True)
class PassTimes:
    """A pass as a whole and, in passes in between, its parts."""

    whole: Times
    parts: dict[Part, Times]

    @property
    def parts_ms(self) -> float:
        """Sum of the parts' medians."""
        return sum(times.median_ms for times in self.parts.values())

    @property
    def gap(self) -> float:
        """How far the sum of the parts is from the whole, as a share of it."""
        return self.parts_ms / self.whole.median_ms - 1

    @property
    def scene_ms(self) -> float:
        """The parts that come before the first sentence."""
        return sum(times.median_ms for part, times in self.parts.items() if part in OF_SCENE)

    @property
    def expression_ms(self) -> float:
        """The parts that come once the sentences are there."""
        return self.parts_ms - self.scene_ms


@dataclass(frozen=True)
class GroupCost:
    """Some sentences about a known scene, answered together."""

    expressions: int
    tokens: int
    """Of the longest."""
    times: PassTimes
    memory: Memory | None

    @property
    def each_ms(self) -> float:
        """A sentence's share."""
        return self.times.whole.median_ms / self.expressions

    @property
    def throughput(self) -> float:
        """Sentences in a second about scenes that are known."""
        return 1e3 / self.each_ms


@dataclass(frozen=True)
class SceneCost:
    """One size of scene."""

    points: int
    voxels: int
    superpoints: int
    cold_ms: float
    """Of a warm scene's pass, the first of its process."""
    warm: PassTimes
    """One sentence."""
    memory: Memory | None
    """Of the first pass."""
    groups: tuple[GroupCost, ...]


@dataclass(frozen=True)
class Plan:
    """What is measured of a scene."""

    sentences: tuple[str, ...]
    """Taken from the first on, and over again where there are too few."""
    expressions: tuple[int, ...]
    """Sentences of each group."""
    budget: Budget
    """Of each pass."""

    def group(self, count: int) -> tuple[str, ...]:
        """Take so many sentences."""
        return tuple(self.sentences[n % len(self.sentences)] for n in range(count))


@torch.no_grad()
def measure_scene(
    answerer: Answerer,
    scene: SceneBatch,
    plan: Plan,
    done: Callable[[str], None] = lambda _: None,
) -> SceneCost:
    """Measure one scene, in a process that has made no pass yet.

    Args:
        answerer: its network is put into evaluation mode.
        scene: a batch of one.
        plan: what is measured.
        done: told of each thing that was.
    """
    answerer.network.eval()
    device = scene.coordinates.device
    gauge, one = Gauge(device), Question(scene, plan.group(1))
    cold: list[float] = []
    memory = gauge.memory_of(lambda: cold.append(timed(lambda: answerer.whole(one), device)))
    done("cold")
    warm = warm_times(answerer, [one], plan.budget)
    done("warm")
    groups = []
    for count in sorted(plan.expressions):
        question = Question(scene, plan.group(count))
        groups.append(_group(answerer, question, plan.budget, gauge))
        done(f"{count} expressions")
    grid = voxelise(scene.voxels, scene.features, scene.scene_of_point, 1)
    return SceneCost(
        points=len(scene.coordinates),
        voxels=len(grid.coordinates),
        superpoints=scene.superpoint_counts[0],
        cold_ms=cold[0] * 1e3,
        warm=warm,
        memory=memory,
        groups=tuple(groups),
    )


@torch.no_grad()
def warm_times(answerer: Answerer, questions: Sequence[Question], budget: Budget) -> PassTimes:
    """Time warm scenes, at least one, in turns."""

    def run(turn: int, begin: Begin) -> None:
        answerer.whole(questions[turn % len(questions)], begin)

    return _pass_times(run, answerer, questions[0].scene.coordinates.device, budget)


def _group(answerer: Answerer, question: Question, budget: Budget, gauge: Gauge) -> GroupCost:
    encoding, device = answerer.encode(question), question.scene.coordinates.device

    def run(_turn: int, begin: Begin) -> None:
        answerer.answer(encoding, question, begin)

    memory = gauge.memory_of(lambda: run(0, unheard))
    times = _pass_times(run, answerer, device, budget)
    sentences = question.sentences
    return GroupCost(len(sentences), answerer.token_count(sentences), times, memory)


def _pass_times(
    run: Callable[[int, Begin], None], answerer: Answerer, device: torch.device, budget: Budget
) -> PassTimes:
    """Whole passes and passes in laps, in turns, so that both see the same machine."""
    for turn in range(_WARM_UP):
        run(turn, unheard)
    wholes: list[float] = []
    laps: list[dict[Part, float]] = []
    for turn in budget.turns():
        answerer.forget_scene()
        wholes.append(timed(partial(run, turn, unheard), device))
        answerer.forget_scene()
        laps.append(_in_laps(partial(run, turn), answerer, device))
    parts = {part: times_of([lap[part] for lap in laps]) for part in laps[0]}
    return PassTimes(times_of(wholes), parts)


def _in_laps(
    run: Callable[[Begin], None], answerer: Answerer, device: torch.device
) -> dict[Part, float]:
    clock = Laps(device)
    with telling(answerer.network, clock.begin):
        run(clock.begin)
    return clock.end()
