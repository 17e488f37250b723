from dataclasses import replace

import pytest
import torch

from hcfres.model.sparse.known import KnownSites
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Sites

from .clouds import places, sorted_rows


@pytest.fixture(params=["plain", "spconv"])
def backend(request):
    if request.param == "plain":
        return PLAIN
    return pytest.importorskip("hcfres.model.sparse.spconv_backend").SPCONV


def _levels(sites, levels):
    for _ in range(levels - 1):
        yield sites
        sites = sites.halved.sites
    yield sites


def _of_scene(sites, scene):
    return sites.coordinates[:, 0] == scene


@pytest.mark.parametrize(("shape", "levels"), [((8, 8, 4), 3), ((7, 5, 6), 2)])
def test_pairs_joined_of_scenes_compute_what_looked_up_ones_do(backend, shape, levels):
    """On even grids, and on odd ones, of which a slab is dropped."""
    direct = Sites(places(shape, 0.3, scenes=3), shape, 3, backend)
    joined = KnownSites().of(direct, 2 ** (levels - 1))
    assert len(joined.parts) == 3
    torch.manual_seed(0)
    same, down = torch.randn(5, 3, 3, 3, 4).double(), torch.randn(5, 2, 2, 2, 4).double()
    up = torch.randn(4, 2, 2, 2, 5).double()
    for ours, theirs in zip(_levels(joined, levels), _levels(direct, levels), strict=True):
        order, other = sorted_rows(ours.coordinates), sorted_rows(theirs.coordinates)
        assert torch.equal(ours.coordinates[order], theirs.coordinates[other])
        features = torch.randn(len(order), 4).double()
        found = backend.submanifold(features[order.argsort()], same, ours.neighbours)
        expected = backend.submanifold(features[other.argsort()], same, theirs.neighbours)
        torch.testing.assert_close(found[order], expected[other], atol=1e-12, rtol=0)
        _same_way_down_and_up(backend, ours, theirs, features, down, up)


def _same_way_down_and_up(backend, ours, theirs, features, down, up):
    found = []
    for sites in (ours, theirs):
        order = sorted_rows(sites.coordinates)
        coarse = backend.strided(features[order.argsort()], down, sites.halved.pairs)
        fine = backend.inverse(coarse, up, sites.halved.pairs)
        found.append((coarse[sorted_rows(sites.halved.sites.coordinates)], fine[order]))
    for our, their in zip(*found, strict=True):
        torch.testing.assert_close(our, their, atol=1e-12, rtol=0)


def test_gradients_go_through_joined_pairs(backend):
    direct = Sites(places((4, 4, 4), 0.4, scenes=2), (4, 4, 4), 2, backend)
    joined = KnownSites().of(direct, 2)
    weight = torch.randn(3, 3, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    features = torch.randn(len(direct.coordinates), 2, dtype=torch.float64, requires_grad=True)
    both = [
        torch.autograd.grad(
            backend.submanifold(features, weight, sites.neighbours).sin().sum(), (features, weight)
        )
        for sites in (joined, direct)
    ]
    for ours, theirs in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def test_a_scene_without_voxels_joins_with_the_others(backend):
    there = places((4, 4, 4), 0.4, scenes=2)
    there[:, 0] *= 2  # the scene between them is empty
    joined = KnownSites().of(Sites(there, (4, 4, 4), 3, backend), 2)
    assert [len(part.coordinates) for part in joined.parts][1] == 0
    assert set(joined.halved.sites.coordinates[:, 0].tolist()) == {0, 2}
    features = torch.ones(len(there), 1)
    counted = backend.submanifold(features, torch.ones(1, 3, 3, 3, 1), joined.neighbours)
    close = (there[:, None, :] - there).abs()
    beside = (close[..., 0] == 0) & (close[..., 1:] <= 1).all(-1)
    assert counted[:, 0].tolist() == beside.sum(1).tolist()


def test_a_scene_is_known_by_its_voxels_wherever_it_stands_in_a_batch():
    known = KnownSites()
    batch = Sites(places((4, 4, 4), 0.3, scenes=2), (4, 4, 4), 2, PLAIN)
    first, second = known.of(batch, 2).parts
    turned = batch.coordinates.clone()
    turned[:, 0] = 1 - turned[:, 0]
    turned = turned[turned[:, 0].sort(stable=True).indices]
    assert known.of(replace(batch, coordinates=turned), 2).parts == (second, first)
    alone = batch.coordinates[_of_scene(batch, 1)].clone()
    alone[:, 0] = 0
    assert known.of(Sites(alone, (64, 64, 64), 1, PLAIN), 2) is second
    assert len(known) == 2


def test_a_dropped_slab_is_dropped_however_small_the_scene_beside():
    """Of a grid of 5 the last slab has no parent; a scene's own grid would be rounded up to 6."""
    line = torch.tensor([[0, 0, 0, i] for i in range(5)], dtype=torch.int32)
    sites = KnownSites().of(Sites(line, (5, 5, 5), 1, PLAIN), 2)
    assert len(sites.halved.sites.coordinates) == 2
    assert sum(map(len, sites.halved.pairs.inputs)) == 4


def test_the_scene_that_was_asked_for_longest_ago_is_forgotten_first():
    lines = [torch.tensor([[0, 0, i, j] for j in range(4)], dtype=torch.int32) for i in range(3)]
    grids = [Sites(line, (4, 4, 4), 1, PLAIN) for line in lines]
    known = KnownSites(most_voxels=8)
    first, second = known.of(grids[0], 2), known.of(grids[1], 2)
    assert known.of(grids[0], 2) is first
    known.of(grids[2], 2)
    assert len(known) == 2
    assert known.of(grids[0], 2) is first
    assert known.of(grids[1], 2) is not second


def test_a_scene_larger_than_the_memory_is_kept_alone():
    known = KnownSites(most_voxels=3)
    large = Sites(places((4, 4, 4), 0.5, scenes=1), (4, 4, 4), 1, PLAIN)
    first = known.of(large, 2)
    assert known.of(large, 2) is first


def test_what_was_looked_up_in_inference_mode_is_another():
    known = KnownSites()
    coordinates = places((4, 4, 4), 0.5, scenes=1)
    with torch.inference_mode():
        first = known.of(Sites(coordinates, (4, 4, 4), 1, PLAIN), 2)
    assert known.of(Sites(coordinates, (4, 4, 4), 1, PLAIN), 2) is not first
