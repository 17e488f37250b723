"""predictions.parquet, and every accuracy from it alone."""

import errno
import json

import numpy as np
import pyarrow as pa
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
ASKED = len(make_truth().expressions)


def source(rule="gres"):
    return PredictionSource("multi3drefer", "3", "abc", "val", rule, MIN_POINTS, "cell", ASKED)


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


def test_a_file_says_of_its_dataset_hash_that_it_is_of_the_annotations_alone(tmp_path):
    path = write(tmp_path / "predictions.parquet", make_answers(1))
    meaning = pq.read_schema(path).field("dataset_hash").metadata[b"meaning"].decode()
    assert meaning.startswith("hash of the file of annotations")
    assert meaning.endswith("none of scans")


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


def changed(path, change):
    """The file with its columns, by name, and its metadata changed by `change`."""
    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    about = json.loads(table.schema.metadata[b"hcfres"])
    change(columns, about)
    schema = table.schema.with_metadata({b"hcfres": json.dumps(about).encode()})
    pq.write_table(pa.table(columns, schema=schema), path)


WRONG = {
    "a mask of more vertices": (
        lambda columns, _: columns["union_runs"][2].append(7),
        "row 2: union_runs is not over the scan's vertices",
    ),
    "a target of fewer vertices": (
        lambda columns, _: columns["target_runs"].__setitem__(1, [3]),
        "row 1: target_runs is not over the scan's vertices",
    ),
    "an instance of more vertices": (
        lambda columns, _: columns["instances"][0][0]["runs"].append(1),
        "row 0: an instance is not over the scan's vertices",
    ),
    "logits of fewer superpoints": (
        lambda columns, _: columns["union_logits"].__setitem__(0, b"abc"),
        "row 0: union_logits is not over the superpoints",
    ),
    "more true points than points": (
        lambda columns, _: columns["superpoint_true"][4].__setitem__(3, 99),
        "row 4: superpoint_points and superpoint_true that cannot be",
    ),
    "masks of billions of vertices": (
        lambda columns, _: columns["superpoint_points"][0].__setitem__(0, 2**31 - 1),
        "row 0: more than 67108864 vertices",
    ),
    "a value that is missing": (
        lambda columns, _: columns["superpoint_points"][3].__setitem__(2, None),
        "row 3: `superpoint_points` lacks a value",
    ),
    "an unknown kind": (
        lambda columns, _: columns["eval_type"].__setitem__(2, "xx"),
        "row 2: an eval_type that is none of",
    ),
    "a rule that is none": (
        lambda _, about: about.update(rule="best"),
        "metadata `hcfres`: rule: Input should be",
    ),
    "a number as text": (lambda _, about: about.update(min_points="5"), "min_points: Input should"),
    "another format": (lambda _, about: about.update(format=99), "predictions of format 99"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_table_that_contradicts_itself_is_refused_with_its_row(tmp_path, change, message):
    path = write(tmp_path / "predictions.parquet", make_answers())
    changed(path, change)
    with pytest.raises(DataError) as error:
        evaluate_file(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_a_table_written_anew_without_changes_gives_the_same_numbers(tmp_path):
    path = write(tmp_path / "predictions.parquet", make_answers())
    before = evaluate_file(path).flat()
    changed(path, lambda columns, about: None)
    assert evaluate_file(path).flat() == before
