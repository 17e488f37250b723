"""Two predictions files against each other, by hand and against plain resampling."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.answers import scene_truth, score
from hcfres.evaluation.paired import mean_interval, paired
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from tests.evaluation.scenes import LABELS, answers_of, make_expression, make_scene

SOURCE = PredictionSource("multi3drefer", "1", "hash", "val", "gres", 1, "cell", 4)
FIRST, SECOND = "scene0000_00", "scene0001_00"
ASKED = {
    FIRST: (((3, 5), "mt"), ((3,), "st_w_d"), ((), "zt_w_d")),
    SECOND: (((7,), "st_wo_d"),),
}
"""Chair 3 is superpoints 0-1, chair 5 is 2-3, table 7 is 4; ten vertices a superpoint."""


def written(path: Path, said, source=SOURCE) -> Path:
    """Answer each expression with the superpoints that `said` names, with nothing for none."""
    asked = sum(len(ASKED[scene]) for scene in said)
    with PredictionWriter(path, replace(source, expressions=asked)) as file:
        for scene, chosen in said.items():
            asked = tuple(
                replace(make_expression(ids, ann_id=n, eval_type=kind), scene_id=scene)
                for n, (ids, kind) in enumerate(ASKED[scene])
            )
            truth = scene_truth(make_scene(scene), LABELS, asked)
            logits = [[[2.0 if s in some else -2.0 for s in range(8)]] for some in chosen]
            answers = answers_of([[0.9 if some else 0.1] for some in chosen], logits)
            file.write(truth, answers, score(truth, answers.chosen, answers.answered, 1))
    return path


@pytest.fixture
def one(tmp_path):
    return written(tmp_path / "one.parquet", {FIRST: ((0, 1), (0, 1), ()), SECOND: ((5,),)})


@pytest.fixture
def other(tmp_path):
    return written(tmp_path / "other.parquet", {FIRST: ((0, 1, 2, 3), (0,), ()), SECOND: ((4,),)})


def test_every_expression_is_better_worse_or_equal(one, other):
    found = paired(one, other)
    assert (found.expressions, found.scenes) == (4, 2)
    assert (found.better, found.worse, found.equal) == (2, 1, 1)
    # IoUs 0.5, 1, 1 and 0 become 1, 0.5, 1 and 1
    assert found.difference == pytest.approx(0.25)
    # the first scene's mean is 0, the second's 1; either is drawn twice a quarter of the time
    assert found.interval == (0.0, 1.0)
    assert [(c.expression, c.one, c.other) for c in found.gains] == [
        ("scene0001_00|7|0", 0.0, 1.0),
        ("scene0000_00|3_5|0", 0.5, 1.0),
    ]
    assert [(c.expression, c.one, c.other) for c in found.losses] == [
        ("scene0000_00|3|1", 1.0, 0.5)
    ]
    assert found.gains[0].description == "the chair"
    assert len(paired(one, other, shown=1).gains) == 1


def test_the_other_way_round_everything_changes_sides(one, other):
    found, back = paired(one, other), paired(other, one)
    assert (back.better, back.worse) == (found.worse, found.better)
    assert back.difference == -found.difference
    same = paired(one, one)
    assert (same.equal, same.difference, same.interval) == (4, 0.0, (0.0, 0.0))
    assert same.gains == same.losses == ()


def test_one_scene_says_nothing_of_another(tmp_path):
    files = [
        written(tmp_path / f"{n}.parquet", {SECOND: (some,)}) for n, some in enumerate([(4,), (5,)])
    ]
    found = paired(*files)
    assert (found.difference, found.interval) == (-1.0, None)


def test_answers_to_other_questions_or_under_other_rules_do_not_compare(one, tmp_path):
    fewer = written(tmp_path / "fewer.parquet", {SECOND: ((4,),)})
    with pytest.raises(DataError, match="answers 1 expressions, of which 1 are among the 4"):
        paired(one, fewer)
    said = {FIRST: ((0,), (0,), ()), SECOND: ((4,),)}
    rule = written(tmp_path / "rule.parquet", said, replace(SOURCE, min_points=50))
    with pytest.raises(DataError, match=r"does not compare .*min_points \(1 / 50\)"):
        paired(one, rule)


def test_the_interval_is_that_of_drawing_whole_scenes_anew():
    rng = np.random.default_rng(3)
    scenes = np.repeat(np.arange(12), rng.integers(1, 9, 12))
    values = rng.normal(0.02, 0.1, len(scenes)) + 0.1 * rng.normal(size=12)[scenes]
    means = []
    for _ in range(20_000):
        drawn = rng.integers(0, 12, 12)
        means.append(np.concatenate([values[scenes == scene] for scene in drawn]).mean())
    found = mean_interval(values, scenes)
    # 20,000 draws place a quantile to about a hundredth of the interval's width
    assert found == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=4e-3)
    by_expression = mean_interval(values, np.arange(len(values)))
    assert by_expression[1] - by_expression[0] < found[1] - found[0]
