"""Run lengths as MDIN and IPDN write them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from hcfres.data.annotations.json_files import read_scanrefer
from hcfres.data.errors import DataError
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.imported.answers import Asked, UnusableError
from hcfres.evaluation.imported.mdin_rle import RunLengths, decoded, open_mdin_rle
from hcfres.evaluation.prediction_columns import UNFILLED
from hcfres.evaluation.recompute import evaluate_file
from tests.evaluation.imported.foreign import NAMES, SCENE, UNIONS, bring, rle, write_rle
from tests.fuzz.scannet_formats import label_table


def test_the_example_of_the_description():
    found = decoded(RunLengths(6, "1 2 5 1"), 6)
    assert found.tolist() == [True, True, False, False, True, False]
    assert not decoded(RunLengths(6, ""), 6).any()


@given(hnp.arrays(bool, 30))
def test_what_the_authors_write_is_read(chosen):
    assert np.array_equal(decoded(RunLengths(**rle(chosen, 30)), 30), chosen)


@pytest.mark.parametrize(
    ("length", "counts", "message"),
    [
        (5, "", "a mask of 5 vertices, the scan has 6"),
        (6, "1", "not pairs"),
        (6, "1 0", "not pairs"),
        (6, "1 x", "not whole numbers"),
        (6, "1_0 5", "not whole numbers"),
        (6, "+1 5", "not whole numbers"),
        (6, "1 99999999999999999999", "not whole numbers"),
        (6, "0 2", "not ascending runs within 6"),
        (6, "5 3", "not ascending runs within 6"),
        (6, "4 2 1 2", "not ascending"),
        (6, "1 3 2 1", "not ascending"),
        (6, "9223372036854775807 6", "not ascending"),
    ],
)
def test_runs_that_are_none_are_refused(length, counts, message):
    with pytest.raises(UnusableError, match=message):
        decoded(RunLengths(length, counts), 6)


def test_a_folder_of_masks_is_scored_as_ours_are(tmp_path):
    target = tmp_path / "predictions.parquet"
    assert bring(write_rle(tmp_path / "masks"), "mdin-rle", target) == 5
    rows = pq.read_table(target).to_pylist()
    assert [row["iou"] for row in rows] == [1, 0.75, 0, 1, 0]
    assert [row["nothing"] for row in rows] == [False, False, False, True, False]
    assert evaluate_file(target).miou == 2.75 / 5
    for name in UNFILLED["union"]:
        assert all(row[name] is None for row in rows)
    assert score_file(target).boxes is None


def test_one_file_of_all_masks_is_the_same(tmp_path):
    told = {f"{SCENE}_{name}": rle(union) for name, union in zip(NAMES, UNIONS, strict=True)}
    (tmp_path / "all.json").write_text(json.dumps(told))
    one, many = tmp_path / "one.parquet", tmp_path / "many.parquet"
    bring(tmp_path / "all.json", "mdin-rle", one)
    bring(write_rle(tmp_path / "masks"), "mdin-rle", many)
    assert pq.read_table(one).equals(pq.read_table(many))


def test_every_file_that_fits_nothing_is_named_and_nothing_is_written(tmp_path):
    folder = write_rle(tmp_path / "masks")
    (folder / f"{SCENE}_3_9.json").write_text(json.dumps(rle(UNIONS[0])))
    (folder / "scene0007_00_3_0.json").write_text(json.dumps(rle(UNIONS[0])))
    (folder / "notes.json").write_text("{}")
    (folder / f"{SCENE}_5_0.json").write_text(json.dumps(rle(UNIONS[0])))
    (folder / f"{SCENE}_3_1.json").write_text(json.dumps(rle(UNIONS[0])))
    (folder / f"{SCENE}_7_2.json").rename(folder / f"{SCENE}_[]_2.json")
    target = tmp_path / "predictions.parquet"
    with pytest.raises(DataError) as error:
        bring(folder, "mdin-rle", target)
    said = str(error.value)
    for part in (
        "7 problems",
        f"{SCENE}_3_9.json: scene {SCENE} has no annotation 9",
        "scene0007_00_3_0.json: scene scene0007_00 is not asked about in this split",
        "notes.json: not named <scene>_<objects>_<ann_id>",
        f"{SCENE}_5_0.json: annotation 0 of {SCENE} is about [3], not [5]",
        f"{SCENE}_[]_2.json: annotation 2 of {SCENE} is about [7], not []",
        f"expression {SCENE}|3_5|1 is answered twice",
        f"expression {SCENE}|7|2 is not answered",
    ):
        assert part in said
    assert not target.exists()


def test_masks_of_other_sizes_are_all_named(tmp_path):
    contents = [rle(union, 79 if place < 2 else 80) for place, union in enumerate(UNIONS)]
    contents[4] = {"length": "eighty", "counts": 3}
    folder = write_rle(tmp_path / "masks", contents=contents)
    target = tmp_path / "predictions.parquet"
    with pytest.raises(DataError) as error:
        bring(folder, "mdin-rle", target)
    assert f"expression {SCENE}|3|0: a mask of 79 vertices, the scan has 80" in str(error.value)
    assert f"expression {SCENE}|3_5|1: a mask of 79 vertices" in str(error.value)
    assert "length: Input should be a valid integer" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def test_many_problems_are_listed_in_a_file(tmp_path):
    folder = write_rle(tmp_path / "masks")
    for number in range(40):
        (folder / f"{SCENE}_1_{100 + number}.json").write_text("{}")
    target = tmp_path / "predictions.parquet"
    with pytest.raises(DataError, match=r"(?s)40 problems.*predictions\.problems\.txt lists all"):
        bring(folder, "mdin-rle", target)
    assert len((tmp_path / "predictions.problems.txt").read_text().splitlines()) == 40


def test_a_mask_that_is_there_twice_is_refused(tmp_path):
    masks = ", ".join(
        f'"{SCENE}_{name}": {json.dumps(rle(union))}'
        for name, union in zip((*NAMES, NAMES[0]), (*UNIONS, UNIONS[1]), strict=True)
    )
    (tmp_path / "all.json").write_text("{" + masks + "}")
    with pytest.raises(DataError, match=f"the key '{SCENE}_3_0' comes twice"):
        bring(tmp_path / "all.json", "mdin-rle", tmp_path / "p.parquet")
    folder = write_rle(tmp_path / "masks")
    (folder / f"{SCENE}_3_0.json").write_text('{"length": 80, "counts": "1 2", "counts": ""}')
    with pytest.raises(DataError, match="the key 'counts' comes twice"):
        bring(folder, "mdin-rle", tmp_path / "p.parquet")
    assert not (tmp_path / "p.parquet").exists()


@pytest.mark.parametrize("objects", ["foo", "None", "-1", "1234567890", "3.5", "[3", "3 5"])
def test_objects_that_are_none_are_not_read_as_no_objects(tmp_path, objects):
    told = {f"{SCENE}_{name}": rle(union) for name, union in zip(NAMES, UNIONS, strict=True)}
    told[f"{SCENE}_{objects}_3"] = told.pop(f"{SCENE}_[]_3")
    (tmp_path / "all.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"are no objects: 5, 5_13, \[5, 13\] or \[\] are"):
        bring(tmp_path / "all.json", "mdin-rle", tmp_path / "p.parquet")


def test_renumbered_sentences_of_scanrefer_are_found_when_they_are_the_dataset(tmp_path):
    """The public copies count a scan's annotations on, over all its objects."""
    row = {"scene_id": SCENE, "object_name": "chair", "description": "a chair", "token": ["a"]}
    numbered = [{**row, "object_id": str(o), "ann_id": str(n)} for n, o in enumerate((3, 3, 5))]
    path = tmp_path / "ScanRefer_filtered_val.json"
    path.write_text(json.dumps(numbered))
    asked = Asked(read_scanrefer(path, label_table()).expressions)
    names = [f"{SCENE}_3_0", f"{SCENE}_3_1", f"{SCENE}_5_2"]
    (tmp_path / "all.json").write_text(json.dumps(dict.fromkeys(names, rle(UNIONS[0]))))
    opened = open_mdin_rle(tmp_path / "all.json", asked)
    assert opened.problems == ()
    assert set(opened.answers) == {one.key for one in asked.expressions}


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"0 \.json files here"):
        bring(tmp_path, "mdin-rle", tmp_path / "p.parquet")
    with pytest.raises(DataError, match="there is no such file"):
        bring(tmp_path / "gone", "mdin-rle", tmp_path / "p.parquet")
