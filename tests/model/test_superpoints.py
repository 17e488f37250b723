import pytest
import torch

from hcfres.model.superpoints import make_packing, pool

CPU = torch.device("cpu")


def test_pooling_is_the_mean_of_each_superpoints_points():
    values = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 7.0]])
    pooled = pool(values, torch.tensor([0, 0, 2]), 3)
    assert pooled.tolist() == [[2.0, 1.0], [0.0, 0.0], [5.0, 7.0]]


def test_pooling_and_its_gradient_equal_a_loop():
    owner = torch.randint(0, 9, (100,))
    values = torch.randn(100, 4, dtype=torch.float64, requires_grad=True)
    fast = pool(values, owner, 10)
    slow = torch.stack(
        [
            values[owner == i].mean(0) if (owner == i).any() else torch.zeros(4).double()
            for i in range(10)
        ]
    )
    torch.testing.assert_close(fast, slow)
    (one,) = torch.autograd.grad(fast.sin().sum(), values)
    (other,) = torch.autograd.grad(slow.sin().sum(), values)
    torch.testing.assert_close(one, other)


def test_scenes_stand_side_by_side_and_the_shorter_one_is_padded_with_zeros():
    packing = make_packing((1, 3), ("a", "b"), CPU)
    packed = packing.pack(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    assert packed.squeeze(-1).tolist() == [[1, 0, 0], [2, 3, 4]]
    assert packing.padded.tolist() == [[False, True, True], [False, False, False]]
    assert packing.unpack(packed).squeeze(-1).tolist() == [1, 2, 3, 4]
    marked = packing.mark(torch.tensor([True, False, True, False]))
    assert marked.tolist() == [[True, False, False], [False, True, False]]


def test_a_scene_without_superpoints_is_named():
    with pytest.raises(ValueError, match="no superpoints in scene0002_00"):
        make_packing((3, 0), ("scene0001_00", "scene0002_00"), CPU)
