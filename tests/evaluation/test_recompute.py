"""All numbers from the file alone, against counting in sets of vertices."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.errors import DataError
from hcfres.data.expression import EVAL_TYPES
from hcfres.evaluation.answers import scene_truth, score
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.groups import GROUPS
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.evaluation.recompute import (
    Thresholds,
    evaluate_file,
    expression_scores,
    read_predictions,
)
from hcfres.evaluation.recompute_boxes import box_scores
from tests.evaluation.scenes import LABELS, answers_of, make_expression, make_scene

TARGETS = {"zt_w_d": (), "zt_wo_d": (), "st_w_d": (3,), "st_wo_d": (7,), "mt": (3, 5)}
OWNER = make_scene().instances


def source(rule, least, expressions):
    return PredictionSource("multi3drefer", "1", "hash", "val", rule, least, "cell", expressions)


def written(path, kinds, indicators, logits, rule="gres", least=15, alignment=None):
    asked = tuple(
        make_expression(TARGETS[kind], ann_id=n, eval_type=kind) for n, kind in enumerate(kinds)
    )
    truth = scene_truth(make_scene(), LABELS, asked, alignment)
    answers = answers_of(indicators, logits, rule)
    in_force = least if rule == "gres" else 0
    with PredictionWriter(path, source(rule, least, len(asked))) as file:
        file.write(truth, answers, score(truth, answers.chosen, answers.answered, in_force))
    return answers


def brute(kinds, answers, rule, least):
    """IoU and "nothing" of each expression, in sets of vertices."""
    told = []
    for row, kind in enumerate(kinds):
        said = set()
        for query in np.flatnonzero(answers.fired[row]):
            inside = set(np.flatnonzero(answers.logits[row, query] >= 0))
            said |= {vertex for vertex in range(LABELS.size) if LABELS[vertex] in inside}
        meant = {v for v in range(LABELS.size) if OWNER[v] in TARGETS[kind]}
        silent = not answers.fired[row].any() or (rule == "gres" and len(said) < least)
        if not meant:
            told.append((1.0 if silent else 0.0, silent))
        else:
            told.append((0.0 if silent else len(said & meant) / len(said | meant), silent))
    return told


cases = st.lists(
    st.tuples(st.sampled_from(EVAL_TYPES), st.integers(0, 2**32 - 1)), min_size=1, max_size=5
)


@settings(max_examples=40, deadline=None)
@given(cases, st.sampled_from(["gres", "res"]), st.sampled_from([0, 10, 15, 20]))
def test_the_files_numbers_are_those_of_sets_of_vertices(told, rule, least):
    kinds = [kind for kind, _ in told]
    drawn = [np.random.default_rng(seed) for _, seed in told]
    indicators = np.stack([rng.random(3, dtype=np.float32) for rng in drawn])
    logits = np.stack([rng.normal(-0.5, 2, (3, 8)) for rng in drawn])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        answers = written(path, kinds, indicators, logits, rule, least)
        found = evaluate_file(path).groups
    expected = brute(kinds, answers, rule, least)
    for group, members in GROUPS.items():
        mine = [one for kind, one in zip(kinds, expected, strict=True) if kind in members]
        assert found[group].count == len(mine)
        if mine:
            ious, silent = [iou for iou, _ in mine], [quiet for _, quiet in mine]
            assert found[group].miou == pytest.approx(sum(ious) / len(mine))
            assert found[group].acc_25 == sum(iou > 0.25 for iou in ious) / len(mine)
            assert found[group].acc_50 == sum(iou > 0.5 for iou in ious) / len(mine)
            assert found[group].nothing == sum(silent) / len(mine)


INSIDE, OUTSIDE = 2.0, -2.0


def masks(*chosen):
    return [[INSIDE if s in some else OUTSIDE for s in range(8)] for some in chosen]


@pytest.fixture
def hand(tmp_path):
    """Chair 3 is superpoints 0-1, chair 5 is 2-3, table 7 is 4; vertices lie on a line."""
    path = tmp_path / "predictions.parquet"
    kinds = ("mt", "st_w_d", "st_wo_d", "zt_w_d", "zt_wo_d")
    chosen = (
        ((0, 1), (2, 3), (0,)),  # both chairs, and half of the first again
        ((0, 1), (0, 1), ()),  # the chair twice, and a query that fires for no vertex
        ((5,), (), ()),  # another place
        ((6,), (), ()),  # something where nothing is meant
        ((), (), ()),  # nothing
    )
    fired = ((0.9, 0.8, 0.7), (0.7, 0.9, 0.8), (0.9, 0.1, 0.1), (0.9, 0, 0), (0, 0, 0))
    written(path, kinds, fired, [masks(*some) for some in chosen], least=10)
    return path


def test_boxes_of_fired_queries_are_scored_by_hand(hand):
    found = score_file(hand).box_scores()
    # mt: two hits of three boxes and two targets, 2 * 2 / 5; on the diagonal half a chair has an
    # eighth of its box. st_w_d: one hit of two boxes, 2 / 3. Both zero-target rules once each.
    assert found["box/mt/f1_25"] == found["box/mt/f1_50"] == 0.8
    assert found["box/st_w_d/f1_25"] == pytest.approx(2 / 3)
    assert found["box/st_wo_d/f1_25"] == 0
    assert (found["box/zt_w_d/f1_25"], found["box/zt_wo_d/f1_25"]) == (0, 1)
    assert found["box/all/f1_50"] == pytest.approx((0.8 + 2 / 3 + 0 + 0 + 1) / 5)
    # the chair that was said twice counts once
    assert found["box_distinct/st_w_d/f1_25"] == 1
    assert found["box_distinct/mt/f1_25"] == 0.8


def test_boxes_are_of_the_aligned_scan(tmp_path):
    turned = np.eye(4)
    turned[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    path = tmp_path / "predictions.parquet"
    written(path, ("st_w_d",), [[0.9]], [masks((0, 1))], alignment=turned)
    row = pq.read_table(path).to_pylist()[0]
    # vertices 0..19 are (3n, 3n+1, 3n+2): x' = -y, y' = x
    assert row["target_boxes"] == [[-58, 0, 2, -1, 57, 59]]
    assert row["instances"][0]["box"] == row["target_boxes"][0]


def test_an_answer_of_too_few_vertices_predicts_no_box(tmp_path):
    path = tmp_path / "predictions.parquet"
    written(path, ("zt_w_d",), [[0.9]], [masks((6,))], least=11)
    assert score_file(path).box_scores()["box/zt_w_d/f1_25"] == 1
    written(path, ("zt_w_d",), [[0.9]], [masks((6,))], least=10)
    assert score_file(path).box_scores()["box/zt_w_d/f1_25"] == 0


def test_a_file_without_instances_has_no_box_score_and_no_thresholds(hand):
    opened = read_predictions(hand)
    alike = replace(opened, source=replace(opened.source, holds="union"))
    with pytest.raises(DataError, match="says nothing of instances"):
        box_scores(alike)
    assert alike.source.passport("point").level == "point"


def test_another_systems_masks_have_no_threshold_to_move(hand):
    opened = read_predictions(hand)
    union = replace(opened, source=replace(opened.source, holds="union"))
    with pytest.raises(ValueError, match="neither indicators nor logits"):
        expression_scores(union, Thresholds(indicator=0.7))
    boxes = replace(opened, source=replace(opened.source, holds="boxes"))
    with pytest.raises(DataError, match="boxes have no vertices"):
        expression_scores(boxes)
