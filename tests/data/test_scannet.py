"""A scan's five files, their known irregularities, and what is refused."""

import json

import numpy as np
import pytest

from hcfres.data import scannet
from hcfres.data.aggregation import ObjectGroup, instances_of, read_aggregation, write_aggregation
from hcfres.data.errors import DataError
from hcfres.data.ply import Mesh, write_ply
from hcfres.data.scannet import read_scene, write_scene
from hcfres.data.segmentation import read_segments, split_by_instance, write_segments

NAME = "scene0000_00"


@pytest.fixture
def folder(tmp_path, make):
    write_scene(tmp_path, make.scene(), {"sceneType": "Bedroom / Hotel"})
    return tmp_path


def groups_file(folder):
    return folder / f"{NAME}{scannet.OBJECTS}"


def change_groups(folder, change):
    content = json.loads(groups_file(folder).read_text())
    change(content["segGroups"])
    groups_file(folder).write_text(json.dumps(content))


def test_what_is_written_is_read(folder, make):
    scene, found = make.scene(), read_scene(folder, NAME, make.labels())
    for name in ("vertices", "colours", "faces", "instances", "semantics", "segments"):
        assert np.array_equal(getattr(found, name), getattr(scene, name)), name
    assert found.objects == scene.objects
    assert found.scene_id == NAME


def test_files_have_the_names_and_keys_of_the_release(folder):
    names = {path.name.removeprefix(NAME) for path in folder.iterdir()}
    assert names == {
        "_vh_clean_2.ply",
        "_vh_clean_2.labels.ply",
        "_vh_clean_2.0.010000.segs.json",
        ".aggregation.json",
        ".txt",
    }
    content = json.loads(groups_file(folder).read_text())
    assert content["sceneId"] == f"scannet.{NAME}"
    assert content["appId"] == "Aggregator.v2"
    assert content["segmentsFile"] == f"scannet.{NAME}_vh_clean_2.0.010000.segs.json"
    assert content["segGroups"][1] == {
        "id": 1,
        "objectId": 1,
        "segments": [6],
        "label": "trash can",
    }


def test_a_test_scan_without_annotation_is_a_scene_without_objects(folder, make):
    for end in (scannet.LABELS, scannet.SEGMENTS, scannet.OBJECTS, scannet.INFO):
        (folder / f"{NAME}{end}").unlink()
    scene = read_scene(folder, NAME, make.labels())
    assert scene.objects == ()
    assert scene.segments is None
    assert set(scene.instances) == {-1}
    assert set(scene.semantics) == {0}
    with pytest.raises(DataError, match=r"segs\.json: there is no such file"):
        read_scene(folder, NAME, make.labels(), annotated=True)


@pytest.mark.parametrize("missing", [scannet.SEGMENTS, scannet.MESH])
def test_objects_without_segments_or_mesh_are_refused(folder, make, missing):
    (folder / f"{NAME}{missing}").unlink()
    with pytest.raises(DataError, match="there is no such file"):
        read_scene(folder, NAME, make.labels())


def test_an_annotated_scan_without_objects_is_refused(folder, make):
    groups_file(folder).unlink()
    with pytest.raises(DataError, match=r"aggregation\.json: there is no such file"):
        read_scene(folder, NAME, make.labels(), annotated=True)


def test_without_the_labelled_mesh_semantics_come_from_the_objects(folder, make):
    (folder / f"{NAME}{scannet.LABELS}").unlink()
    found = read_scene(folder, NAME, make.labels()).semantics
    assert np.array_equal(found, make.scene().semantics)


@pytest.mark.parametrize("wrong", [41, 50, 149, 230])
def test_labels_that_are_no_nyu40_class_become_unlabelled(folder, make, wrong):
    """50 and 149 stand in three scenes of the release."""
    scene = make.scene()
    labels = np.full(12, wrong)
    labels[0] = 40
    mesh = Mesh(scene.vertices, scene.colours, scene.faces, labels=labels)
    write_ply(folder / f"{NAME}{scannet.LABELS}", mesh)
    assert read_scene(folder, NAME, make.labels()).semantics.tolist() == [40] + [0] * 11


def test_a_labelled_mesh_of_another_size_is_refused(folder, make):
    scene = make.scene()
    mesh = Mesh(scene.vertices[:3], None, scene.faces[:1], labels=np.zeros(3, int))
    write_ply(folder / f"{NAME}{scannet.LABELS}", mesh)
    with pytest.raises(DataError, match="3 vertices; its mesh has 12 vertices"):
        read_scene(folder, NAME, make.labels())


def test_segments_of_the_other_mesh_are_refused_with_the_usual_reason(folder, make):
    write_segments(folder / f"{NAME}{scannet.SEGMENTS}", NAME, np.arange(50))
    with pytest.raises(DataError) as error:
        read_scene(folder, NAME, make.labels())
    assert "50 segment ids for a mesh of 12 vertices" in str(error.value)
    assert "Pair the decimated mesh" in str(error.value)


def test_where_two_objects_claim_a_segment_the_later_one_has_it(caplog):
    groups = (ObjectGroup(9, "chair", (1, 2, 2)), ObjectGroup(7, "sofa", (2, 3)))
    found = instances_of(groups, np.array([1, 2, 3, 9, 2]), "test")
    assert found.tolist() == [9, 7, 7, -1, 7]
    assert "test: 1 segments are of several objects; the last has them" in caplog.text


def test_no_objects_own_nothing():
    assert instances_of((), np.array([3, 3]), "test").tolist() == [-1, -1]
    assert instances_of((ObjectGroup(0, "chair", ()),), np.array([3]), "test").tolist() == [-1]


def test_an_endless_list_of_wrong_segments_is_one_short_error(tmp_path):
    (tmp_path / "a.json").write_text('{"segIndices":[' + "null," * 200_000 + "0]}")
    with pytest.raises(DataError, match=r"1 problem:\n  - segIndices\[0\]: Input should be"):
        read_segments(tmp_path / "a.json", 200_001)


def test_segments_that_no_vertex_has_are_skipped_with_a_warning(caplog):
    groups = (ObjectGroup(0, "chair", (1, 77, 78)),)
    assert instances_of(groups, np.array([1, 2]), "here.json").tolist() == [0, -1]
    assert "here.json: 2 segments belong to no vertex and were skipped" in caplog.text


def test_a_list_that_says_everything_twice_is_read_once(folder, make, caplog):
    """scene0217_00: the second copy's ids would otherwise win."""
    change_groups(
        folder,
        lambda groups: groups.extend(
            [g | {"id": i, "objectId": i} for i, g in enumerate(groups, 2)]
        ),
    )
    scene = read_scene(folder, NAME, make.labels())
    assert [item.object_id for item in scene.objects] == [0, 1]
    assert np.array_equal(scene.instances, make.scene().instances)
    assert "every object comes twice; the first 2 are kept" in caplog.text


def test_two_equal_looking_objects_of_different_segments_are_both_kept(tmp_path):
    groups = (ObjectGroup(0, "chair", (1,)), ObjectGroup(1, "chair", (2,)))
    write_aggregation(tmp_path / "a.json", NAME, groups)
    assert read_aggregation(tmp_path / "a.json") == groups


def test_the_object_id_counts_not_the_id_of_the_group(folder, make):
    change_groups(folder, lambda groups: groups[1].update(id=1, objectId=31))
    scene = read_scene(folder, NAME, make.labels())
    assert scene.objects[1].object_id == 31
    assert scene.instances[6] == 31


def test_one_id_for_two_objects_is_refused(folder, make):
    change_groups(folder, lambda groups: groups[1].update(objectId=0))
    with pytest.raises(DataError, match=r"segGroups: several objects have the objectId \[0\]"):
        read_scene(folder, NAME, make.labels())


def test_a_label_absent_from_the_table_has_class_0(folder, make):
    change_groups(folder, lambda groups: groups[0].update(label="harpsichord"))
    assert read_scene(folder, NAME, make.labels()).objects[0].nyu40 == 0


def test_all_that_is_wrong_with_a_file_is_said_at_once(folder, make):
    def spoil(groups):
        groups[0]["segments"] = [0, "x", -4]
        del groups[1]["label"]

    change_groups(folder, spoil)
    with pytest.raises(DataError) as error:
        read_scene(folder, NAME, make.labels())
    message = str(error.value)
    assert "2 problems" in message
    assert "segGroups[0].segments[1]: Input should be a valid integer, found 'x'" in message
    assert "segGroups[1].label: Field required" in message


HOSTILE = {
    "cut short": b'{"segIndices":[0,0,0',
    "empty": b"",
    "not a table": b"[1,2]",
    "deep": b'{"segIndices":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge": b'{"segIndices":[' + b"9" * 5000 + b"]}",
    "bytes": b"\xff\xfe\x00",
    "fractions": b'{"segIndices":[0.5]}',
    "truth": b'{"segIndices":[true]}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_segments_are_one_short_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_segments(tmp_path / "a.json", 1)
    assert str(error.value).startswith(str(tmp_path / "a.json"))
    assert len(str(error.value)) < 1000


def test_params_and_scene_id_of_the_release_do_not_matter(tmp_path):
    text = """
    {"params":{"kThresh":"0.0001","segMinVerts":"20","minPoints":"750"},
     "sceneId":"scannet.scene0000_00_vh_clean_2", "segIndices":[81336, 5, 5]}"""
    (tmp_path / "a.json").write_text(text)
    assert read_segments(tmp_path / "a.json", 3).tolist() == [81336, 5, 5]


def test_segments_across_objects_are_not_written_but_can_be_cut(tmp_path, make):
    segments, instances = np.array([0, 0, 0, 3, 3]), np.array([-1, 2, 2, 2, 2])
    cut = split_by_instance(segments, instances)
    assert cut.tolist() == [0, 1, 1, 3, 3]
    scene = make.scene()
    across = type(scene)(**scene.__dict__ | {"segments": np.zeros(12, int)})
    with pytest.raises(DataError, match="segment 0 lies across several objects"):
        write_scene(tmp_path, across, {})
    assert not list(tmp_path.iterdir())


def test_the_public_segmentators_file_is_read(samples):
    path = samples / "open3d_meshes" / "frag_115.segmentator_k0.01_min20.segs.json"
    segments = read_segments(path, 64365)
    assert len(np.unique(segments)) == 80
    assert np.array_equal(segments[segments], segments), "an id is the index of a member"
