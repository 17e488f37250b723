"""predictions.parquet, and every accuracy from it alone."""

import errno

import numpy as np
import pyarrow.parquet as pq
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.answers import score
from hcfres.evaluation.groups import group_metrics
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.evaluation.recompute import Thresholds, evaluate_file
from hcfres.evaluation.runs import decode_runs
from hcfres.store.errors import StoreError
from tests.evaluation.scenes import LABELS, make_answers, make_truth

MIN_POINTS = 15


def source(rule="gres"):
    return PredictionSource("rooms", "3", "abc", "val", rule, MIN_POINTS, "cell")


def evaluated(answers, min_points):
    truth = make_truth()
    return truth, score(truth, answers.chosen, answers.fired.any(1), min_points)


def metrics(answers, min_points=MIN_POINTS):
    truth, scores = evaluated(answers, min_points)
    return group_metrics([e.eval_type for e in truth.expressions], scores.ious, scores.nothing)


def write(path, answers, rule="gres"):
    truth, scores = evaluated(answers, 0 if rule == "res" else MIN_POINTS)
    with PredictionWriter(path, source(rule)) as file:
        file.write(truth, answers, scores)
    return path


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", ["gres", "res"])
def test_the_file_alone_gives_the_evaluations_numbers(tmp_path, seed, rule):
    answers = make_answers(seed, rule=rule)
    path = write(tmp_path / "predictions.parquet", answers, rule)
    least = 0 if rule == "res" else MIN_POINTS
    assert evaluate_file(path).flat() == metrics(answers, least).flat()


def test_a_row_says_what_was_asked_and_what_was_answered(tmp_path):
    answers = make_answers(1)
    path = write(tmp_path / "predictions.parquet", answers)
    row = pq.read_table(path).to_pylist()[1]
    assert (row["dataset"], row["dataset_version"], row["dataset_hash"]) == (
        "multi3drefer",
        "3",
        "abc",
    )
    assert (row["scene_id"], row["object_ids"], row["ann_id"]) == ("scene0000_00", [3, 5], 1)
    assert np.array_equal(decode_runs(row["union_runs"]), answers.chosen[1][LABELS])
    assert [one["query"] for one in row["instances"]] == np.flatnonzero(answers.fired[1]).tolist()
    assert row["indicators"] == answers.indicators[1].tolist()
    assert row["true_points"] == 40
    assert len(row["union_logits"]) == 8


@pytest.mark.parametrize("threshold", [-1.0, 0.5, 2.0])
def test_the_masks_threshold_moves_without_a_forward_pass(tmp_path, threshold):
    answers = make_answers(2)
    path = write(tmp_path / "predictions.parquet", answers)
    truth = make_truth()
    scores = score(truth, answers.union >= threshold, answers.fired.any(1), MIN_POINTS)
    kinds = [e.eval_type for e in truth.expressions]
    expected = group_metrics(kinds, scores.ious, scores.nothing)
    assert evaluate_file(path, Thresholds(mask_logit=threshold)).flat() == expected.flat()


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.99])
def test_the_indicators_threshold_moves_up_without_a_forward_pass(tmp_path, threshold):
    answers = make_answers(3)
    path = write(tmp_path / "predictions.parquet", answers)
    truth = make_truth()
    fired = answers.indicators > threshold
    union = np.where(fired[:, :, None], answers.logits, -np.inf).max(1)
    scores = score(truth, union >= 0, fired.any(1), MIN_POINTS)
    kinds = [e.eval_type for e in truth.expressions]
    expected = group_metrics(kinds, scores.ious, scores.nothing)
    assert evaluate_file(path, Thresholds(indicator=threshold)).flat() == expected.flat()


def test_the_least_number_of_points_moves(tmp_path):
    answers = make_answers(4)
    path = write(tmp_path / "predictions.parquet", answers)
    found = evaluate_file(path, Thresholds(min_points=40))
    assert found.flat() == metrics(answers, min_points=40).flat()


def test_masks_that_are_not_in_the_file_are_not_invented(tmp_path):
    path = write(tmp_path / "predictions.parquet", make_answers())
    with pytest.raises(ValueError, match=r"below 0\.5"):
        evaluate_file(path, Thresholds(indicator=0.3))


def test_a_failed_evaluation_leaves_no_file(tmp_path):
    path = tmp_path / "predictions.parquet"
    with pytest.raises(KeyError), PredictionWriter(path, source()):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match=r"predictions\.parquet could not be written: the disk"):
        write(tmp_path / "predictions.parquet", make_answers())
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_refused_by_name(tmp_path):
    path = write(tmp_path / "predictions.parquet", make_answers())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"predictions.parquet: not a readable parquet file"):
        evaluate_file(path)
