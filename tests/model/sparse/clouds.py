"""Random voxels for the tests of sparse convolution."""

import torch

from hcfres.model.sparse.sites import Sites


def places(shape, density, scenes=2, seed=0):
    """Coordinates of occupied voxels in lexicographic order; the last corner is one of them."""
    generator = torch.Generator().manual_seed(seed)
    occupied = torch.rand(scenes, *shape, generator=generator) < density
    occupied[:, -1, -1, -1] = True
    return occupied.nonzero().int()


def sites(backend, shape=(5, 7, 4), density=0.3, scenes=2, seed=0):
    """Random sites of a backend."""
    return Sites(places(shape, density, scenes, seed), shape, scenes, backend)


def sorted_rows(coordinates):
    """The order that puts coordinates into lexicographic order."""
    return torch.unique(coordinates, dim=0, return_inverse=True)[1].argsort()


def dense(features, coordinates, shape, scenes):
    """Features on the whole grid, 0 where nothing is: (scenes, channels, x, y, z)."""
    grid = features.new_zeros(scenes, *shape, features.shape[1])
    return grid.index_put(tuple(coordinates.long().T), features).permute(0, 4, 1, 2, 3)


def at(grid, coordinates):
    """Rows of a dense grid at some voxels."""
    return grid.permute(0, 2, 3, 4, 1)[tuple(coordinates.long().T)]
