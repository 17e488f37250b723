"""The sentences of a dataset's folder: what is used, what is left out, and how that is said."""

import csv
import json
import shutil

import pytest

from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.dataset import Dataset, sources_of
from hcfres.data.errors import DataError

NAME = "scene0000_00"
SR3D = {
    "scan_id": NAME,
    "target_id": "0",
    "utterance": "the chair near the trash can",
    "stimulus_id": f"{NAME}-chair-1-0",
    "coarse_reference_type": "horizontal",
    "instance_type": "chair",
}
NR3D = SR3D | {"assignmentid": "7", "uses_color_lang": "True"}


def write_table(path, *rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def test_unusable_entries_are_left_out_with_one_warning(root, make, caplog):
    items = [make.expression(ann_id=n, object_ids=(n,)) for n in (0, 5, 6, 7, 8)]
    write_multi3drefer(root / "multi3drefer_train.json", items)
    data = Dataset(root)
    found = data.annotations("multi3drefer", "train")
    assert [item.place for item in found.rejected] == ["[1]", "[2]", "[3]", "[4]"]
    assert not caplog.records
    assert data.expressions("multi3drefer", "train") == found.expressions == (items[0],)
    (record,) = caplog.records
    path = root / "multi3drefer_train.json"
    assert record.getMessage().splitlines() == [
        f"{path}: 4 of 5 entries cannot be used and were left out; "
        f"`hcfres data sentences {path}` lists them; 4 problems:",
        f"  - [1] {NAME}|5|5: scene {NAME} has no object [5]",
        f"  - [2] {NAME}|6|6: scene {NAME} has no object [6]",
        f"  - [3] {NAME}|7|7: scene {NAME} has no object [7]",
        "  ... and 1 more",
    ]


def test_a_file_without_one_usable_entry_is_an_error(root, make):
    write_multi3drefer(root / "multi3drefer_train.json", [make.expression(object_ids=(9,))])
    with pytest.raises(DataError, match=r"no entry can be used; 1 problem:\n.*no object \[9\]"):
        Dataset(root).expressions("multi3drefer", "train")
    write_multi3drefer(root / "multi3drefer_train.json", [])
    assert Dataset(root).expressions("multi3drefer", "train") == ()


def test_a_name_unlike_the_label_is_used_and_noted(root, make, caplog):
    item = make.expression(dataset="scanrefer", object_name="office_chair", spatial=False)
    write_scanrefer(root / "ScanRefer_filtered_train.json", [item])
    data = Dataset(root)
    assert data.expressions("scanrefer", "train") == (item,)
    (note,) = data.annotations("scanrefer", "train").notes
    assert note.reason == "object_name is 'office_chair', the scan's label ['chair']"
    assert not caplog.records


def test_a_sentence_about_a_scene_of_another_split_is_listed(root, make):
    shutil.copytree(root / "scans" / NAME, root / "scans" / "scene0001_00")
    other = root / "scans" / "scene0001_00"
    (other / f"{NAME}.aggregation.json").rename(other / "scene0001_00.aggregation.json")
    items = [make.expression(), make.expression(scene_id="scene0001_00")]
    write_multi3drefer(root / "multi3drefer_train.json", items)
    found = Dataset(root).annotations("multi3drefer", "train")
    assert found.expressions == (items[0],)
    assert "scene scene0001_00 is not in the split's list" in str(found.rejected[0])


def test_hidden_targets_need_no_annotation_of_their_scan(root):
    (root / "scans").rename(root / "scans_test")
    (root / "scans_test" / NAME / f"{NAME}.aggregation.json").unlink()
    (root / "scannetv2_test.txt").write_text(NAME)
    entry = {"scene_id": NAME, "object_id": "99", "object_name": "chair", "ann_id": "0"}
    path = root / "ScanRefer_filtered_test.json"
    path.write_text(json.dumps([entry | {"description": "the chair"}]))
    (item,) = Dataset(root).expressions("scanrefer", "test")
    assert item.hidden
    assert item.object_ids == (99,)


@pytest.mark.parametrize(("source", "row"), [("nr3d", NR3D), ("sr3d", SR3D)])
def test_scannets_lists_divide_referit3ds_tables(root, source, row):
    scene = "scene0700_00"
    elsewhere = row | {"scan_id": scene, "stimulus_id": f"{scene}-chair-1-0"}
    lost = row | {"target_id": "5", "stimulus_id": f"{NAME}-chair-1-5"}
    write_table(root / f"{source}.csv", row, elsewhere, lost)
    (root / "scannetv2_val.txt").write_text(scene)
    data = Dataset(root)
    found = data.annotations(source, "train")
    assert [item.object_name for item in found.expressions] == ["chair"]
    assert [item.reason for item in found.rejected] == [f"scene {NAME} has no object [5]"]
    with pytest.raises(DataError, match=f"scene {scene} is unknown"):
        data.expressions(source, "val")
    assert data.expressions_hash(source, "train") != data.expressions_hash(source, "val")
    (root / "scannetv2_val.txt").write_text("scene0701_00")
    (rejected, _) = data.annotations(source, "train").rejected
    assert rejected.reason == f"scene {scene} is in no split's list"


def test_a_files_name_says_what_it_holds(root):
    assert sources_of(root / "ScanRefer_filtered_val.json") == (("scanrefer", "val"),)
    assert sources_of(root / "nr3d.csv") == (("nr3d", "train"), ("nr3d", "val"))
    with pytest.raises(DataError, match=r"Known are ScanRefer_filtered_test\.json, "):
        sources_of(root / "ScanRefer_filtered_val_new.json")
