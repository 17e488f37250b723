import pytest
import torch

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.sharing import SharedScenes, Sharing


def _index(*scenes):
    return torch.tensor(scenes, dtype=torch.long)


@pytest.mark.parametrize(
    ("scenes", "per_scene"),
    [((0, 0, 1, 1), 2), ((0, 1), 1), ((0, 0, 0, 1), None), ((1, 1, 0, 0), None), ((0,), None)],
)
def test_scenes_share_only_when_all_have_equally_many_expressions_in_order(scenes, per_scene):
    assert Sharing.among(_index(*scenes), 2).per_scene == per_scene


def test_no_expression_is_no_sharing():
    assert Sharing.among(_index(), 2).per_scene is None


@pytest.mark.parametrize("mask", ["none", "per_row"])
def test_sharing_equals_a_copy_of_the_scene_for_each_expression(mask):
    attn = MultiHeadAttention(8, 2).double()
    index = _index(0, 0, 0, 1, 1, 1)
    rows = torch.randn(6, 4, 8, dtype=torch.float64, requires_grad=True)
    features = torch.randn(2, 5, 8, dtype=torch.float64, requires_grad=True)
    hidden = torch.tensor([[False] * 5, [False, False, True, True, True]])
    blocked = None
    if mask == "per_row":
        blocked = hidden[index][:, None] | (torch.rand(6, 4, 5) < 0.4)
        blocked[..., 0] = False
    results = []
    for sharing in (Sharing.among(index, 2), Sharing(index, None)):
        found = SharedScenes(features, hidden, sharing).attend(attn, rows, blocked)
        products = sharing.multiply(rows, features)
        gradients = torch.autograd.grad((found.sum() + products.sin().sum()), (rows, features))
        results.append((found, products, *gradients))
    for shared, copied in zip(*results, strict=True):
        torch.testing.assert_close(shared, copied)
