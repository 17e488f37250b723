import pytest
import torch

from hcfres.model.backbone import SparseUNet, voxelise
from hcfres.model.sparse.plain import PLAIN, PlainTorch


def _cloud(points=200, extent=13, scenes=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    voxels = torch.randint(extent, (points, 3), generator=generator)
    features = torch.randn(points, 6, generator=generator, dtype=torch.float64)
    return voxels, features, torch.arange(points) * scenes // points


def _batch(clouds):
    """Scenes one after the other."""
    voxels, features, _ = (torch.cat(part) for part in zip(*clouds, strict=True))
    sizes = torch.tensor([len(cloud[0]) for cloud in clouds])
    return voxelise(
        voxels, features, torch.arange(len(clouds)).repeat_interleave(sizes), len(sizes)
    )


def _network(levels=3, **changes):
    torch.manual_seed(0)
    return SparseUNet(6, 4, levels, **changes).double().eval()


def test_a_voxel_is_the_mean_of_its_points_and_scenes_stay_apart():
    voxels = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    grid = voxelise(voxels, torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1]), 2)
    assert grid.coordinates.tolist() == [[0, 0, 0, 1], [1, 0, 0, 1]]
    assert grid.features.tolist() == [[2.0], [7.0]]
    assert grid.voxel_of_point.tolist() == [0, 0, 1]


def test_points_are_needed_and_voxels_start_at_zero():
    none = torch.zeros(0, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="no points"):
        voxelise(none, torch.zeros(0, 6), none[:, 0], 1)
    with pytest.raises(ValueError, match="start at 0"):
        voxelise(torch.tensor([[0, -1, 0]]), torch.zeros(1, 6), torch.tensor([0]), 1)


@pytest.mark.parametrize(("levels", "expected"), [(1, 13), (2, 14), (3, 16), (4, 16)])
def test_the_grid_is_rounded_up_so_that_every_voxel_has_a_parent(levels, expected):
    voxels, features, scenes = _cloud()
    voxels[0] = 12
    grid = voxelise(voxels, features, scenes, 2)
    assert _network(levels).spatial_shape(grid) == (expected,) * 3
    assert _network(levels, drop_slab=True).spatial_shape(grid) == (128,) * 3


def test_a_dropped_slab_hears_nothing_from_the_coarser_levels():
    """With 5 voxels along an axis the fifth has no parent: only its neighbours matter to it."""
    line = torch.tensor([[0, 0, i] for i in range(5)])
    features = torch.randn(5, 6, dtype=torch.float64)
    grid = voxelise(line, features, torch.zeros(5, dtype=torch.long), 1)
    network = _network(levels=2)
    dropped = network.voxel_features(grid, (5, 5, 5))
    kept = network.voxel_features(grid, (6, 6, 6))
    assert not torch.allclose(dropped[4], kept[4])


def test_each_point_gets_its_voxels_features_whatever_the_points_order():
    voxels, features, scenes = _cloud()
    network = _network()
    order = torch.randperm(len(voxels))
    straight = network(voxels, features, scenes, 2)
    shuffled = network(voxels[order], features[order], scenes[order], 2)
    torch.testing.assert_close(shuffled, straight[order])
    assert straight.min() >= 0


def test_in_evaluation_scenes_do_not_influence_each_other():
    voxels, features, scenes = _cloud()
    network = _network()
    first = scenes == 0
    together = network(voxels, features, scenes, 2)[first]
    alone = network(voxels[first], features[first], scenes[first], 1)
    torch.testing.assert_close(alone, together)


class Counting(PlainTorch):
    """Plain torch that counts how often it looks for pairs."""

    def __init__(self):
        self.lookups = []

    def neighbours(self, sites):
        self.lookups.append(("neighbours", sites.shape))
        return super().neighbours(sites)

    def halve(self, sites):
        self.lookups.append(("halve", sites.shape))
        return super().halve(sites)


def test_neighbours_are_looked_up_once_a_scene_and_level_and_again_only_when_something_moved():
    voxels, features, scenes = _cloud()
    network, backend = _network(), Counting()
    grid = voxelise(voxels, features, scenes, 2)
    shape = network.spatial_shape(grid)
    first = network.voxel_features(grid, shape, backend)
    sides = [(16,) * 3, (8,) * 3, (4,) * 3]
    once = [("neighbours", side) for side in sides] + [("halve", side) for side in sides[:2]]
    assert sorted(backend.lookups) == sorted(2 * once)
    same = voxelise(voxels, 2 * features, scenes, 2)
    assert not torch.equal(network.voxel_features(same, shape, backend), first)
    assert len(backend.lookups) == 10
    moved = voxelise(voxels + torch.tensor([0, 0, 1]), features, scenes, 2)
    network.voxel_features(moved, shape, backend)
    assert len(backend.lookups) == 20


def test_what_was_looked_up_in_inference_mode_serves_no_gradient():
    voxels, features, scenes = _cloud()
    network = _network()
    grid = voxelise(voxels, features, scenes, 2)
    shape = network.spatial_shape(grid)
    for backend in (PLAIN, None):
        with torch.inference_mode():
            expected = network.voxel_features(grid, shape, backend)
        found = network.voxel_features(grid, shape, backend)
        found.sum().backward()
        assert torch.equal(found, expected)


def test_in_training_a_scene_that_stays_is_looked_up_once_whatever_stands_beside_it():
    network, backend = _network().train(), Counting()
    clouds = [_cloud(scenes=1, extent=extent, seed=extent) for extent in (13, 6, 9)]
    other = _network().train()
    for beside in ((0, 1), (1, 2), (2, 0), (1,)):
        grid = _batch([clouds[i] for i in beside])
        shape = network.spatial_shape(grid)
        found = network.voxel_features(grid, shape, backend)
        expected = other.voxel_features(grid, shape, PLAIN, moved=True)
        assert torch.equal(found, expected)
    assert len(backend.lookups) == 3 * 5


def test_a_scene_that_was_augmented_is_not_kept_nor_is_what_was_seen_before():
    voxels, features, scenes = _cloud()
    network = _network().train()
    network(voxels, features, scenes, 2)
    assert len(network.known) == 2
    network(voxels, features, scenes, 2, moved=True)
    assert len(network.known) == 0


def test_a_network_that_moves_to_another_device_leaves_no_pairs_behind():
    voxels, features, scenes = _cloud()
    network = _network()
    network(voxels, features, scenes, 2)
    assert len(network.float().known) == 0


def test_what_is_kept_is_no_part_of_the_weights():
    network = _network()
    names = set(network.state_dict())
    voxels, features, scenes = _cloud()
    network(voxels, features, scenes, 2)
    assert len(network.known) == 2 and set(network.state_dict()) == names


def test_the_environment_reaches_the_network(monkeypatch):
    voxels, features, scenes = _cloud()
    network = _network()
    monkeypatch.setenv("HCFRES_SPARSE_CONVOLUTION", "plain")
    plain = network(voxels, features, scenes, 2)
    assert {sites.backend for sites in network.known._scenes} == {PLAIN}
    monkeypatch.delenv("HCFRES_SPARSE_CONVOLUTION")
    torch.testing.assert_close(network(voxels, features, scenes, 2), plain)
