"""Scenes measured whole, by part and by group of sentences."""

from dataclasses import replace

import pytest
import torch

from hcfres.evaluation.cost import passes, times
from hcfres.evaluation.cost.definitions import Part
from hcfres.evaluation.cost.measure import (
    GroupCost,
    PassTimes,
    Plan,
    measure_scene,
    warm_times,
)
from hcfres.evaluation.cost.passes import Question
from hcfres.evaluation.cost.times import Budget, Times

from .small import SENTENCES, make_answerer, make_scene
from .work import Work

ONCE = Budget(repeats=2, seconds=0.0, least=2)


def _times(**parts: float) -> PassTimes:
    """Of these medians, in the order of the parts."""
    found = {part: Times(ms, ms, 1) for part, ms in zip(Part, parts.values(), strict=True)}
    return PassTimes(Times(50.0, 60.0, 1), found)


TIMES = _times(voxels=1.0, unet=20.0, fusion=4.0, text=8.0, selection=2.0, decoder=15.0, mask=5.0)


def test_the_scenes_parts_come_before_the_first_sentence():
    assert TIMES.parts_ms == 55
    assert TIMES.scene_ms == 25
    assert TIMES.expression_ms == 30
    assert TIMES.gap == pytest.approx(0.1)


def test_sentences_that_are_answered_together_share_the_time():
    group = GroupCost(8, 30, TIMES, None)
    assert group.each_ms == 6.25
    assert group.throughput == 160


def test_a_scene_is_measured_by_part_and_by_group():
    scene = make_scene()
    done: list[str] = []
    plan = Plan(SENTENCES, (3, 1), ONCE)
    found = measure_scene(make_answerer(), scene, plan, done.append)
    assert (found.points, found.superpoints) == (400, 30)
    assert found.voxels == len(scene.voxels.unique(dim=0))
    assert found.cold_ms > 0
    assert list(found.warm.parts) == list(Part)
    assert [group.expressions for group in found.groups] == [1, 3]
    assert list(found.groups[0].times.parts) == list(Part)[3:]
    assert found.groups[1].tokens > found.groups[0].tokens
    assert done == ["cold", "warm", "1 expressions", "3 expressions"]


def test_the_parts_of_a_pass_are_all_of_its_work(monkeypatch):
    with Work() as clock:
        monkeypatch.setattr(times, "time", clock)
        monkeypatch.setattr(passes, "time", clock)
        found = warm_times(make_answerer(), [Question(make_scene(), SENTENCES)], ONCE)
    assert found.whole.median_ms > 100 * 1e3
    assert found.gap == pytest.approx(0)
    assert found.parts[Part.DECODER].median_ms > found.parts[Part.MASK].median_ms > 0


def test_a_network_is_measured_as_it_answers():
    answerer = make_answerer()
    answerer.network.train()
    measure_scene(answerer, make_scene(), Plan(SENTENCES, (1,), ONCE))
    assert not answerer.network.training


def test_scenes_take_turns(monkeypatch):
    answerer, scenes = make_answerer(), (make_scene(), make_scene(points=500))
    questions = [Question(scene, SENTENCES) for scene in scenes]
    seen: list[int] = []
    encode = type(answerer.network).encode

    def watched(network, scene, *more):
        seen.append(len(scene.coordinates))
        return encode(network, scene, *more)

    monkeypatch.setattr(type(answerer.network), "encode", watched)
    warm_times(answerer, questions, replace(ONCE, repeats=4, least=4))
    assert set(seen[-8:-4]) == set(seen[-4:]) == {400, 500}


@pytest.mark.gpu
def test_a_scene_is_measured_on_a_gpu():
    torch.cuda.init()
    plan = Plan(SENTENCES, (1, 2), ONCE)
    found = measure_scene(make_answerer("cuda"), make_scene("cuda"), plan)
    assert min(part.median_ms for part in found.warm.parts.values()) > 0
    assert found.memory is not None
    assert found.memory.growth_mb > 0
