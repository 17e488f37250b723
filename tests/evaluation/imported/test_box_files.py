"""Boxes as M3DRef-CLIP writes them."""

import itertools
import json

import pyarrow.parquet as pq
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.prediction_columns import UNFILLED
from hcfres.evaluation.recompute import evaluate_file
from tests.evaluation.imported.foreign import SCENE, bring
from tests.evaluation.scenes import make_expression


def corners(lower, upper):
    return [list(point) for point in itertools.product(*zip(lower, upper, strict=True))]


CHAIR_3 = corners((0, 1, 2), (57, 58, 59))
CHAIR_5 = corners((60, 61, 62), (117, 118, 119))
ELSEWHERE = corners((500, 500, 500), (501, 501, 501))
ENTRIES = [
    {"ann_id": 0, "aabb": [CHAIR_3]},
    {"ann_id": 1, "aabb": [ELSEWHERE, CHAIR_5, CHAIR_3]},
    {"ann_id": 2, "aabb": []},
    {"ann_id": 3, "aabb": []},
    {"ann_id": 4, "aabb": [ELSEWHERE]},
]


def write(folder, entries=ENTRIES, scene=SCENE):
    folder.mkdir(exist_ok=True)
    (folder / f"{scene}.json").write_text(json.dumps(entries))
    return folder


def test_boxes_are_scored_as_boxes_and_not_as_masks(tmp_path):
    target = tmp_path / "predictions.parquet"
    bring(write(tmp_path / "boxes"), "boxes", target)
    found = score_file(target).box_scores()
    # right; two hits of three boxes for two targets; silent; rightly silent; wrongly not
    assert found["box/mt/f1_50"] == 0.8
    assert found["box/all/f1_25"] == pytest.approx((1 + 0.8 + 0 + 1 + 0) / 5)
    with pytest.raises(DataError, match="boxes have no vertices"):
        evaluate_file(target)


def test_what_boxes_do_not_say_is_empty(tmp_path):
    target = tmp_path / "predictions.parquet"
    bring(write(tmp_path / "boxes"), "boxes", target)
    rows = pq.read_table(target).to_pylist()
    for name in UNFILLED["boxes"]:
        assert all(row[name] is None for row in rows)
    assert [row["nothing"] for row in rows] == [False, False, True, True, False]
    assert [row["true_points"] for row in rows] == [20, 40, 10, 0, 0]
    instance = rows[1]["instances"][0]
    assert (instance["runs"], instance["indicator"], instance["score"]) == (None, None, None)
    assert instance["box"] == [500, 500, 500, 501, 501, 501]


def test_one_file_of_all_scans_is_the_same(tmp_path):
    (tmp_path / "all.json").write_text(json.dumps({SCENE: ENTRIES}))
    one, many = tmp_path / "one.parquet", tmp_path / "many.parquet"
    bring(tmp_path / "all.json", "boxes", one)
    bring(write(tmp_path / "boxes"), "boxes", many)
    assert pq.read_table(one).equals(pq.read_table(many))


def test_annotations_that_share_a_number_need_their_object(tmp_path):
    asked = tuple(make_expression((number,), ann_id=0) for number in (3, 5))
    bare = write(tmp_path / "bare", [{"ann_id": 0, "aabb": []}])
    with pytest.raises(DataError, match="annotation 0 of scene0000_00 is of 2 objects; say which"):
        bring(bare, "boxes", tmp_path / "p.parquet", expressions=asked)
    entries = [
        {"ann_id": 0, "object_id": 5, "aabb": [CHAIR_5]},
        {"ann_id": 0, "object_id": 3, "aabb": [CHAIR_5]},
    ]
    target = tmp_path / "p.parquet"
    bring(write(tmp_path / "boxes", entries), "boxes", target, "res", expressions=asked)
    assert score_file(target).box_scores()["box/all/f1_25"] == 0.5


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([*ENTRIES, {"ann_id": 7, "aabb": []}], "has no annotation 7"),
        ([*ENTRIES, ENTRIES[0]], "is answered twice"),
        (ENTRIES[1:], "expression scene0000_00|3|0 is not answered"),
        ([{"ann_id": 0, "aabb": [[[0, 0], [1, 1]]]}], "at least 3 items"),
        ([{"ann_id": 0, "aabb": [[[0, 0, 0]] * 3]}], "a box of 3 corners; give the lower and"),
        ([{"ann_id": 0, "aabb": [[[0, 0, 1e300], [1, 1, 1]]]}], "less than or equal to"),
        ([{"ann_id": -1, "aabb": []}], "greater than or equal to 0"),
        ([{"aabb": []}], "ann_id: Field required"),
        ({"ann_id": 0}, "valid array"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, entries, message):
    with pytest.raises(DataError) as error:
        bring(write(tmp_path / "boxes", entries), "boxes", tmp_path / "p.parquet")
    assert message in str(error.value)
    assert not (tmp_path / "p.parquet").exists()


def test_a_scan_that_is_there_twice_is_refused(tmp_path):
    told = f'{{"{SCENE}": {json.dumps(ENTRIES)}, "{SCENE}": []}}'
    (tmp_path / "all.json").write_text(told)
    with pytest.raises(DataError, match=f"the key '{SCENE}' comes twice"):
        bring(tmp_path / "all.json", "boxes", tmp_path / "p.parquet")


def test_a_number_that_is_not_finite_is_refused(tmp_path):
    folder = write(tmp_path / "boxes")
    (folder / f"{SCENE}.json").write_text('[{"ann_id": 0, "aabb": [[[0,0,NaN],[1,1,1]]]}]')
    with pytest.raises(DataError):
        bring(folder, "boxes", tmp_path / "p.parquet")


def test_unknown_scans_are_named_with_the_number_of_their_entries(tmp_path):
    folder = write(write(tmp_path / "boxes"), ENTRIES, "scene0707_00")
    with pytest.raises(DataError, match=r"scene0707_00: the scan is not asked .* \(5 entries\)"):
        bring(folder, "boxes", tmp_path / "p.parquet")
