"""Plain masks in numpy archives."""

import json
import weakref
import zipfile
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.imported.convert import Split, import_predictions
from hcfres.evaluation.imported.mask_files import open_masks
from hcfres.evaluation.predictions import PredictionSource
from hcfres.evaluation.recompute import evaluate_file
from tests.evaluation.imported.foreign import ASKED, SCENE, UNIONS, bring, mask, truth
from tests.evaluation.scenes import EXPRESSIONS, POINTS, make_expression

INSTANCES = (
    [mask(0, 1)],
    [mask(0, 1), mask(2, 3)],
    [mask(6), mask(4)],
    [],
    [mask(7)],
)


def write(folder, arrays, scene=SCENE):
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / f"{scene}.npz", **arrays)
    return folder


def instances():
    return {
        str(number): np.array(some, dtype=bool).reshape(-1, POINTS)
        for number, some in enumerate(INSTANCES)
    }


def unions():
    return {str(number): union for number, union in enumerate(UNIONS)}


def refused(tmp_path, arrays, message, form="masks"):
    with pytest.raises(DataError) as error:
        bring(write(tmp_path / "masks", arrays), form, tmp_path / "p.parquet")
    assert message in str(error.value)
    assert not (tmp_path / "p.parquet").exists()


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_one_mask_an_expression(tmp_path, kind):
    target = tmp_path / "p.parquet"
    arrays = {name: union.astype(kind) for name, union in unions().items()}
    bring(write(tmp_path / "masks", arrays), "masks", target)
    assert [row["iou"] for row in pq.read_table(target).to_pylist()] == [1, 0.75, 0, 1, 0]


def test_instances_are_scored_as_masks_and_as_boxes(tmp_path):
    target = tmp_path / "p.parquet"
    arrays = instances() | {"2.scores": np.array([0.2, 0.9], np.float32)}
    bring(write(tmp_path / "masks", arrays), "masks", target)
    rows = pq.read_table(target).to_pylist()
    assert [row["iou"] for row in rows] == [1, 1, 0.5, 1, 0]
    assert [one["indicator"] for one in rows[2]["instances"]] == pytest.approx([0.2, 0.9])
    assert evaluate_file(target).miou == 3.5 / 5
    found = score_file(target).box_scores()
    assert found["box/mt/f1_50"] == 1
    assert found["box/st_wo_d/f1_50"] == pytest.approx(2 / 3)
    assert found["box/all/f1_25"] == pytest.approx((1 + 1 + 2 / 3 + 1 + 0) / 5)


def test_the_fifty_point_rule_holds_for_others_masks_and_not_for_their_boxes(tmp_path):
    target = tmp_path / "p.parquet"
    bring(write(tmp_path / "masks", instances()), "masks", target, min_points=11)
    rows = pq.read_table(target).to_pylist()
    assert [row["nothing"] for row in rows] == [False, False, False, True, True]
    assert score_file(target).box_scores()["box/zt_w_d/f1_25"] == 0


def test_a_name_may_carry_the_object(tmp_path):
    asked = tuple(make_expression((number,), ann_id=0) for number in (3, 5))
    target = tmp_path / "p.parquet"
    arrays = {"5|0": mask(2, 3), "3|0": mask(2, 3)}
    bring(write(tmp_path / "masks", arrays), "masks", target, "res", expressions=asked)
    assert [row["iou"] for row in pq.read_table(target).to_pylist()] == [0, 1]


def test_masks_that_do_not_fit_the_scan_are_named(tmp_path):
    refused(tmp_path, unions() | {"1": np.zeros(81, bool)}, "a mask of 81 vertices, the scan has")
    refused(tmp_path, unions() | {"1": np.zeros(80)}, "an array of float64, masks are bool")
    refused(tmp_path, unions() | {"1": np.full(80, 2, np.uint8)}, "other than 0 and 1")
    refused(tmp_path, unions() | {"9": np.zeros(80, bool)}, "scene0000_00 has no annotation 9")
    refused(tmp_path, unions() | {"chair": np.zeros(80, bool)}, "neither `<ann_id>` nor")
    refused(tmp_path, unions() | {"1": np.zeros((2, 80), bool)}, "masks of 1 and 2 axes")
    refused(tmp_path, unions() | {"1": np.bool_(True)}, "masks of 0 and 1 axes")
    refused(tmp_path, instances() | {"1.scores": np.zeros(3)}, "scores of shape (3,)")
    refused(tmp_path, instances() | {"1.scores": np.full(2, np.nan)}, "a score is not finite")
    refused(tmp_path, instances() | {"8.scores": np.zeros(3)}, "scores of no masks")
    refused(tmp_path, instances() | {"1": np.zeros((1025, 80), bool)}, "1025 instances, more than")


def test_an_unknown_scan_is_named(tmp_path):
    folder = write(write(tmp_path / "masks", unions()), unions(), "scene0001_00")
    with pytest.raises(DataError, match=r"scene0001_00.npz: .* not asked .* \(5 arrays\)"):
        bring(folder, "masks", tmp_path / "p.parquet")


def test_objects_are_never_unpickled(tmp_path):
    refused(tmp_path, {"0": np.array([print], dtype=object)}, "an array of Python objects")


def test_a_header_that_promises_more_than_there_is_costs_nothing(tmp_path):
    folder = write(tmp_path / "masks", unions())
    path = folder / f"{SCENE}.npz"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["1.npy"] = content["1.npy"].replace(b"(80,)", b"(9" + b"9" * 20 + b",)").ljust(0)
    _write(path, content)
    with pytest.raises(DataError):
        bring(folder, "masks", tmp_path / "p.parquet")
    content["1.npy"] = content["0.npy"][:-3]
    _write(path, content)
    with pytest.raises(DataError, match="77 bytes or more, its header says 80"):
        bring(folder, "masks", tmp_path / "p.parquet")
    content["1.npy"] = content["0.npy"] + bytes(1 << 20)
    _write(path, content)
    with pytest.raises(DataError, match="81 bytes or more, its header says 80"):
        bring(folder, "masks", tmp_path / "p.parquet")


def test_what_a_header_announces_is_never_unpacked_for_it(tmp_path, monkeypatch):
    """Of lengths below zero, and of a header of many megabytes, only the beginning is read."""
    folder = write(tmp_path / "masks", unions())
    path = folder / f"{SCENE}.npz"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    whole = content["0.npy"]
    read = []
    unpack = zipfile.ZipExtFile.read

    def counted(self, size=-1):
        read.append(size)
        return unpack(self, size)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    below = whole.replace(b"(80,), }  ", b"(-3, 80), }", 1)[: len(whole)]
    long = b"\x93NUMPY\x02\x00" + (20 << 20).to_bytes(4, "little") + b" " * (20 << 20)
    for hostile, reason in ((below, r"an array of shape \(-3, 80\)"), (long, "EOF: reading array")):
        _write(path, content | {"1.npy": hostile + bytes(1 << 20)})
        read.clear()
        with pytest.raises(DataError, match=reason):
            bring(folder, "masks", tmp_path / "p.parquet")
        assert all(0 <= size <= 1 << 14 for size in read)


def _write(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in content.items():
            archive.writestr(name, raw)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x93NUMPY"])
def test_something_else_is_refused_by_name(tmp_path, content):
    folder = write(tmp_path / "masks", unions())
    (folder / f"{SCENE}.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"scene0000_00\.npz: no archive of arrays"):
        bring(folder, "masks", tmp_path / "p.parquet")


def test_a_folder_without_archives_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a folder with 0 \.npz files"):
        bring(tmp_path, "masks", tmp_path / "p.parquet")


@pytest.mark.parametrize(
    "header",
    [
        b"-" * 9000 + b"1",
        b"{'descr': (), 'fortran_order': False, 'shape': (80,)}",
        b"{[]: 1}",
        b"{'descr': '|b1', 'fortran_order': False, 'shape': (80, " + b"(" * 200 + b"}",
    ],
    ids=["deep", "no type", "no key", "brackets"],
)
def test_whatever_a_header_says_the_archive_is_named(tmp_path, header):
    told = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    folder = write(tmp_path / "masks", unions())
    with zipfile.ZipFile(folder / f"{SCENE}.npz", "w") as archive:
        archive.writestr("0.npy", told)
    with pytest.raises(DataError, match=f"{SCENE}.npz: no archive of arrays"):
        bring(folder, "masks", tmp_path / "p.parquet")


def test_what_numpy_never_packs_is_not_unpacked(tmp_path):
    folder = write(tmp_path / "masks", unions())
    with zipfile.ZipFile(folder / f"{SCENE}.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("0.npy", b"anything")
    with pytest.raises(DataError, match=r"'0\.npy' is packed in an unknown way"):
        bring(folder, "masks", tmp_path / "p.parquet")


def test_instances_told_as_masks_or_as_boxes_have_the_same_box_score(tmp_path):
    """A small instance of a zero-target sentence is one in both."""
    masks, boxes = tmp_path / "masks.parquet", tmp_path / "boxes.parquet"
    bring(write(tmp_path / "masks", instances()), "masks", masks, min_points=11)
    corners = [
        {
            "ann_id": row["ann_id"],
            "aabb": [np.reshape(one["box"], (2, 3)).tolist() for one in row["instances"]],
        }
        for row in pq.read_table(masks).to_pylist()
    ]
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / f"{SCENE}.json").write_text(json.dumps(corners))
    bring(tmp_path / "boxes", "boxes", boxes, min_points=11)
    assert score_file(masks).box_scores() == score_file(boxes).box_scores()


def test_the_masks_of_one_answer_are_in_memory_at_a_time(tmp_path):
    """A scan's sixty answers of a hundred instances are gigabytes."""
    opened = open_masks(write(tmp_path / "masks", instances()), ASKED)
    seen, most = [], []

    def watched(read):
        def look(points):
            answer = read(points)
            seen.append(weakref.ref(answer))
            most.append(sum(one() is not None for one in seen))
            return answer

        return look

    watching = replace(opened, answers={key: watched(read) for key, read in opened.answers.items()})
    source = PredictionSource(
        "multi3drefer", "1", "hash", "val", "gres", 5, "other", len(EXPRESSIONS), opened.holds
    )
    split = Split(EXPRESSIONS, truth)
    import_predictions(tmp_path, watching, split, source, tmp_path / "p.parquet")
    assert len(most) == len(EXPRESSIONS)
    assert max(most) <= 2  # the one before goes as the next one comes
