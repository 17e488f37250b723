import torch

from hcfres.model.spatial import SpatialAttention, block_all_but_nearest


def test_each_row_sees_its_nearest_rows_and_itself():
    line = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [10, 0, 0]]])
    seen = ~block_all_but_nearest(line, 2)
    assert seen[0].int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


def test_asking_for_more_neighbours_than_rows_shows_all():
    assert not block_all_but_nearest(torch.rand(2, 3, 3), 8).any()


def test_padded_rows_are_nobodys_neighbours_yet_see_something():
    positions = torch.zeros(1, 4, 3)
    positions[0, :2, 0] = torch.tensor([5.0, 6.0])
    padded = torch.tensor([[False, False, True, True]])
    blocked = block_all_but_nearest(positions, 3, padded)
    assert blocked[..., 2:].all()
    assert not blocked.all(-1).any()


def test_padded_seeds_change_nothing_for_the_others():
    layer = SpatialAttention(8, 2, neighbours=3).double()
    seeds = torch.randn(1, 6, 8, dtype=torch.float64)
    positions = torch.randn(1, 6, 3, dtype=torch.float64)
    padded = torch.tensor([[False] * 4 + [True] * 2])
    nobody = torch.zeros(1, 4, dtype=torch.bool)
    alone = layer(seeds[:, :4], positions[:, :4], nobody)
    torch.testing.assert_close(layer(seeds, positions, padded)[:, :4], alone)
