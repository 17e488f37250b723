from itertools import product

import pytest
import torch

from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.plain_pairs import halving_pairs, neighbour_pairs
from hcfres.model.sparse.sites import Sites

from .clouds import places


def _told(pairs, cell):
    return set(zip(pairs.inputs[cell].tolist(), pairs.outputs[cell].tolist(), strict=True))


@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
def test_neighbours_are_those_that_two_loops_find(density):
    coordinates = places((4, 3, 5), density)
    pairs = neighbour_pairs(Sites(coordinates, (4, 3, 5), 2, PLAIN))
    where = {tuple(place): row for row, place in enumerate(coordinates.tolist())}
    for cell, (dx, dy, dz) in enumerate(product((-1, 0, 1), repeat=3)):
        if cell == pairs.identity:
            assert (dx, dy, dz) == (0, 0, 0)
            continue
        expected = {
            (where[scene, x + dx, y + dy, z + dz], row)
            for (scene, x, y, z), row in where.items()
            if (scene, x + dx, y + dy, z + dz) in where
        }
        assert _told(pairs, cell) == expected


def test_the_order_of_the_voxels_does_not_matter_to_who_meets_whom():
    coordinates = places((4, 4, 4), 0.4)
    order = torch.randperm(len(coordinates), generator=torch.Generator().manual_seed(1))
    straight = neighbour_pairs(Sites(coordinates, (4, 4, 4), 2, PLAIN))
    mixed = neighbour_pairs(Sites(coordinates[order], (4, 4, 4), 2, PLAIN))
    for cell in range(27):
        back = {(int(order[i]), int(order[o])) for i, o in _told(mixed, cell)}
        assert back == _told(straight, cell)


def test_opposite_faces_of_the_grid_and_of_scenes_are_not_neighbours():
    ends = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 0]])
    far = torch.tensor([[0, 0, 0, 2], [0, 0, 2, 0], [0, 2, 2, 2], [1, 0, 0, 0], [1, 2, 0, 0]])
    pairs = neighbour_pairs(Sites(far.int(), (3, 3, 3), 2, PLAIN))
    assert sum(map(len, pairs.inputs)) == 0
    pairs = neighbour_pairs(Sites(ends.int(), (2, 2, 2), 2, PLAIN))
    assert sum(map(len, pairs.inputs)) == 4 * 3  # every pair of the first scene's, both ways


def test_a_voxel_of_an_odd_slab_has_no_parent_and_all_others_have_one():
    coordinates = places((5, 4, 4), 0.5)
    coarse, pairs = halving_pairs(Sites(coordinates, (5, 4, 4), 2, PLAIN))
    parents = {}
    for cell, offset in enumerate(product((0, 1), repeat=3)):
        for child, parent in _told(pairs, cell):
            scene, *place = coordinates[child].tolist()
            parents[child] = parent
            assert coarse[parent].tolist() == [scene, *(p // 2 for p in place)]
            assert [p % 2 for p in place] == list(offset)
    without = {row for row, place in enumerate(coordinates.tolist()) if place[1] == 4}
    assert without and set(parents) == set(range(len(coordinates))) - without
    assert set(parents.values()) == set(range(len(coarse)))
    assert torch.equal(coarse, torch.unique(coarse, dim=0))


def test_reversed_pairs_are_the_same_meetings():
    _, pairs = halving_pairs(Sites(places((4, 4, 4), 0.5), (4, 4, 4), 2, PLAIN))
    back = pairs.reversed()
    assert (back.voxels_in, back.voxels_out) == (pairs.voxels_out, pairs.voxels_in)
    assert back.inputs is pairs.outputs and back.reversed() == pairs


def test_a_grid_with_more_cells_than_numbers_is_refused():
    coordinates = torch.tensor([[0, 0, 0, 0], [0, 2**30, 2**30, 2**30]], dtype=torch.int32)
    sites = Sites(coordinates, (2**30 + 1,) * 3, 1, PLAIN)
    for find in (neighbour_pairs, halving_pairs):
        with pytest.raises(ValueError, match="more cells than can be numbered"):
            find(sites)
