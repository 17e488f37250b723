"""The seeds of a row: all that is random in a training varies with them, and together."""

import copy
from itertools import combinations

import numpy as np
import pytest
import torch

from hcfres.config.setting import AugmentConfig
from hcfres.data.augment import linear_map
from hcfres.training.cell import Place, Widths, make_network, train
from tests.evaluation.small import SmallRooms, make_cell

AUGMENT = AugmentConfig(jitter=0.1, flip=0.5, rotate=True, colour=0.1, elastic=True)


class WatchedRooms(SmallRooms):
    """Rooms that note in which order they are asked for, and by which maps they are changed."""

    def __init__(self) -> None:
        super().__init__(1, 2, 3, expressions=8)
        self.order: list[tuple] = []
        self.maps: list[np.ndarray] = []

    def batch(self, chunks, rngs):
        self.order.append(chunks)
        self.maps += [linear_map(copy.deepcopy(rng), AUGMENT) for rng in rngs]
        return super().batch(chunks, rngs)


def trained(seed: int, place: Place):
    """What a training drew: first weights, order, changes, last weights."""
    cell = make_cell(seed=seed, augment=AUGMENT)
    first = make_network(cell, Widths(5, 7), place.weights_root).state_dict()
    rooms = WatchedRooms()
    last = train(cell, rooms, place, report=lambda _: None).state_dict()
    # the first batch is looked at for its widths, before any seed counts
    return first, rooms.order[1:], rooms.maps[1:], last


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    names = (("1", 1), ("2", 2), ("3", 3), ("1 again", 1))
    return {name: trained(seed, Place(folder / name, folder)) for name, seed in names}


@pytest.mark.parametrize("pair", list(combinations("123", 2)), ids=" and ".join)
def test_other_seeds_have_other_weights_other_orders_and_other_augmentation(runs, pair):
    (first, order, maps, last), (other, other_order, other_maps, other_last) = map(runs.get, pair)
    learnt = [name for name, value in first.items() if value.ndim > 1]
    assert learnt
    assert not any(torch.equal(first[name], other[name]) for name in learnt)
    assert len(order) == len(other_order)
    assert order != other_order
    shared = [tuple(map(str, maps)) for maps in (maps, other_maps)]
    assert not set(shared[0]) & set(shared[1])
    assert not all(torch.equal(last[name], other_last[name]) for name in last)


def test_the_same_seed_repeats_all_of_it(runs):
    (first, order, maps, last), (again, order_again, maps_again, last_again) = (
        runs["1"],
        runs["1 again"],
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert order == order_again
    np.testing.assert_array_equal(maps, maps_again)
    assert all(torch.equal(last[name], last_again[name]) for name in last)


def test_epochs_of_one_seed_differ_in_order_and_in_augmentation(runs):
    _, order, maps, _ = runs["1"]
    half = len(order) // 2
    assert order[:half] != order[half:]
    assert len({str(one) for one in maps}) == len(maps)
