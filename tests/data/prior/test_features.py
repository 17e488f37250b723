"""MDIN's and IPDN's files beside our scans: what fits is taken, what is stale is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hcfres.data.errors import DataError
from hcfres.data.features import Superpoints
from hcfres.data.prior.features import (
    PriorFeatures,
    PriorScene,
    pair,
    partition_hash,
    read_prior_features,
    read_prior_scene,
    require_same_partition,
)
from hcfres.data.prior.imported import Import, import_of

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 2]], np.float32)
CENTRED = VERTICES.astype(np.float64) - [2, 0, 0.4]
THEIRS = np.array([2, 2, 0, 1, 0])
"""Superpoints as their authors numbered them; ours for the same partition are 0 0 1 2 1."""
OURS = np.array([0, 0, 1, 2, 1])
FEATURES = np.array([[10, 11], [0, 0], [30, 31]], np.float32)


def saved(path: Path, *arrays: np.ndarray) -> Path:
    torch.save(arrays if len(arrays) != 1 else torch.from_numpy(arrays[0]), path)
    return path


def scene_arrays(count: int = 5) -> tuple[np.ndarray, ...]:
    colours, semantics = np.zeros((count, 3)), np.full(count, -100.0)
    return (CENTRED[:count], colours, THEIRS[:count], semantics, np.full(count, -1))


def paired() -> PriorFeatures:
    scene = PriorScene(Path("scene0000_00_refer.pth"), CENTRED, THEIRS)
    return pair(scene, FEATURES, VERTICES, Path("scene0000_00.pth"))


def test_a_scene_is_read_with_and_without_its_annotation(tmp_path: Path):
    for arrays in (scene_arrays(), scene_arrays()[:3]):
        found = read_prior_scene(saved(tmp_path / "a.pth", *arrays))
        assert found.superpoints.tolist() == THEIRS.tolist()
        np.testing.assert_array_equal(found.coordinates, CENTRED)


def test_rows_follow_the_superpoints_they_were_made_for():
    """Our superpoint 0 is their 2 (row 30 31), our 1 their 0 (10 11), our 2 their 1 (zeros)."""
    value = paired()
    assert value.labels.tolist() == OURS.tolist()
    assert value.features.tolist() == [[30, 31], [10, 11], [0, 0]]


def test_a_superpoint_of_zeros_was_seen_by_nobody():
    found = paired().on(OURS, "here")
    assert found.seen.tolist() == [True, True, False]


def test_features_come_in_the_order_of_whoever_asks():
    """Superpoints 1 1 0 2 0: number 0 is at vertex 2, 1 at vertex 0, 2 at vertex 3."""
    found = paired().on(np.array([1, 1, 0, 2, 0]), "here")
    assert found.features.tolist() == [[10, 11], [30, 31], [0, 0]]
    assert found.seen.tolist() == [True, True, False]


def test_another_partition_is_refused_with_how_much_it_differs():
    """0 0 1 2 1 and 0 0 1 1 1 have the superpoint of vertices 0 and 1 in common.

    Pairs together in both: 1 + 1 (vertices 2 and 4) = 2; within theirs 1 + 1 + 0 = 2, within ours
    1 + 3 = 4, of 10: expected 0.8, best 3, index 1.2 / 2.2 = 0.5455.
    """
    with pytest.raises(DataError) as caught:
        paired().on(np.array([0, 0, 1, 1, 1]), "clip-feat/a.pth")
    said = str(caught.value)
    assert said.startswith(
        "clip-feat/a.pth: made for another partition: 3 superpoints, here 2, 1 of them the same "
        "(adjusted Rand index 0.5455). These features belong to another cut of the scan"
    )
    with pytest.raises(DataError, match="made for 5 vertices, the scan here has 4"):
        require_same_partition(OURS, OURS[:4], "a")


def test_as_many_superpoints_that_lie_elsewhere_are_another_partition():
    with pytest.raises(DataError, match="3 superpoints, here 3, 1 of them the same"):
        require_same_partition(OURS, np.array([0, 0, 1, 1, 2]), "a")


@pytest.mark.parametrize("rows", [2, 4])
def test_too_few_or_too_many_rows_are_stale(rows: int):
    scene = PriorScene(Path("a_refer.pth"), CENTRED, THEIRS)
    with pytest.raises(DataError, match=f"{rows} rows for the 3 superpoints of a_refer.pth"):
        pair(scene, np.ones((rows, 2), np.float32), VERTICES, Path("a.pth"))


def test_a_mesh_of_another_size_is_stale():
    scene = PriorScene(Path("a_refer.pth"), CENTRED, THEIRS)
    with pytest.raises(DataError, match=r"a_refer\.pth: 5 vertices, the mesh here has 4"):
        pair(scene, FEATURES, VERTICES[:4], Path("a.pth"))


def test_a_mesh_with_vertices_elsewhere_or_in_another_order_is_stale():
    scene = PriorScene(Path("a_refer.pth"), CENTRED, THEIRS)
    with pytest.raises(DataError, match="vertex 0: 2 of 5 vertices lie elsewhere than in the mesh"):
        pair(scene, FEATURES, VERTICES[[1, 0, 2, 3, 4]], Path("a.pth"))


def test_where_the_authors_put_the_origin_makes_no_difference():
    shifted = PriorScene(Path("a_refer.pth"), CENTRED + np.array([5, -7, 0.25]), THEIRS)
    found = pair(shifted, FEATURES, VERTICES, Path("a.pth"))
    assert found.labels.tolist() == OURS.tolist()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: a[:4], "4 arrays; xyz, rgb, superpoint"),
        (lambda a: (a[0][:, :2], *a[1:]), "xyz is 5x2 of float64"),
        (lambda a: (a[0].astype(int), *a[1:]), "xyz is 5x3 of int64"),
        (lambda a: (a[0] * np.inf, *a[1:]), "coordinates are not finite"),
        (lambda a: (*a[:3], a[3][:2], a[4]), "array 3 is 2 of float64, for 5 vertices"),
        (lambda a: (*a[:3], np.array(1), a[4]), "array 3 is a single number of int64"),
        (lambda a: (*a[:2], a[2] * 1.0, *a[3:]), "superpoints are 5 of float64"),
        (lambda a: (*a[:2], a[2] + 1, *a[3:]), "3 superpoints numbered 1 to 3, not 0 to N_S-1"),
        (lambda a: (*a[:2], a[2] * 2, *a[3:]), "3 superpoints numbered 0 to 4, not 0 to N_S-1"),
        (lambda a: tuple(x[:0] for x in a), "xyz is 0x3 of float64"),
    ],
)
def test_scenes_that_are_none_are_refused(tmp_path: Path, change, match: str):
    with np.errstate(invalid="ignore"):
        arrays = change(scene_arrays())
    with pytest.raises(DataError, match=match):
        read_prior_scene(saved(tmp_path / "a.pth", *arrays))


def test_features_are_a_table_of_finite_numbers(tmp_path: Path):
    path = tmp_path / "a.pth"
    assert read_prior_features(saved(path, FEATURES)).tolist() == FEATURES.tolist()
    half = read_prior_features(saved(path, FEATURES.astype(np.float16)))
    assert half.dtype == np.float32
    for array, match in (
        (FEATURES[0], "2 of float32; one table"),
        (FEATURES.astype(np.int64), "3x2 of int64; one table"),
        (FEATURES[:0], "empty or not finite"),
        (FEATURES + np.nan, "empty or not finite"),
        (FEATURES.astype(float) * 1e300, "empty or not finite"),
    ):
        with pytest.raises(DataError, match=match):
            read_prior_features(saved(path, array))
    with pytest.raises(DataError, match="3x2 of float32, 3x2 of float32; one table"):
        read_prior_features(saved(path, FEATURES, FEATURES))


def test_a_partitions_name_does_not_depend_on_its_numbers():
    assert partition_hash(THEIRS) == partition_hash(OURS)
    assert partition_hash(OURS) != partition_hash(np.array([0, 0, 1, 1, 1]))


@pytest.fixture
def kept(tmp_path: Path) -> Import:
    source = saved(tmp_path / "scene0000_00.pth", FEATURES)
    place = import_of(tmp_path / "workspace", "rooms-1", "scene0000_00")
    place.write(paired(), (source,))
    return place


def test_imported_features_are_kept_apart_and_say_what_they_are(kept: Import, tmp_path: Path):
    assert kept.folder == tmp_path / "workspace/imported/rooms-1/scene0000_00"
    about = (kept.folder / "source.toml").read_text()
    assert f'partition = "{partition_hash(OURS)}"' in about
    assert '"scene0000_00.pth" = "' in about
    assert kept.features(Superpoints(OURS)).features.tolist() == [[30, 31], [10, 11], [0, 0]]
    assert kept.superpoints().labels.tolist() == OURS.tolist()


def test_imported_features_of_another_partition_are_refused_when_they_are_asked_for(kept: Import):
    with pytest.raises(DataError, match="made for another partition"):
        kept.features(Superpoints(np.array([0, 0, 1, 1, 1])))


def test_importing_again_takes_the_place_of_what_was_there(kept: Import):
    kept.write(replace(paired(), features=np.ones((3, 4), np.float32)), ())
    assert kept.features(Superpoints(OURS)).features.shape == (3, 4)


def test_damaged_or_missing_imports_are_refused(kept: Import):
    value = kept.folder / "features.safetensors"
    whole = value.read_bytes()
    value.write_bytes(whole[:-1] + b"\1")
    with pytest.raises(DataError, match="damaged: it is not what was written"):
        kept.superpoints()
    value.unlink()
    with pytest.raises(DataError, match="there are no imported features"):
        kept.superpoints()
    value.write_bytes(whole)
    (kept.folder / "source.toml").write_text("features = [")
    with pytest.raises(DataError, match="damaged"):
        kept.superpoints()
    with pytest.raises(DataError, match=r"there are no imported features.*import-features"):
        import_of(kept.folder, "rooms-1", "scene0000_00").superpoints()
