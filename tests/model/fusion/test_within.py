"""Eq. 5 and what stands in for it when it is switched off."""

import torch

from hcfres.model.fusion.parts import FusionSizes, VisualBranches
from hcfres.model.fusion.within_add import AddWithin
from hcfres.model.fusion.within_attention import AttentionWithin
from hcfres.model.fusion.within_mean import MeanWithin

SIZES = FusionSizes(dim=2, heads=1, gate="scalar", gate_hidden=(2,))


def _branches(dense, instance, dense_seen=(True,), instance_seen=(True,)):
    return VisualBranches(
        torch.tensor(dense), torch.tensor(instance), torch.tensor(dense_seen),
        torch.tensor(instance_seen),
    )  # fmt: skip


def _by_hand():
    """Queries and keys 0, so each token sees the mean of the values; values 2 x; output as is."""
    within = AttentionWithin(SIZES)
    with torch.no_grad():
        within.attn.in_proj_weight.zero_()
        within.attn.in_proj_weight[4:] = 2 * torch.eye(2)
        within.attn.out_proj.weight.copy_(torch.eye(2))
    return within


def test_the_two_tokens_of_a_superpoint_attend_to_each_other():
    """Eq. 5, by hand: tokens (4, 0) and (0, 2) both see (4, 2); sums (8, 2) and (4, 4).

    LayerNorm makes (1, -1) and (0, 0) of them; their mean is (0.5, -0.5).
    """
    fused = _by_hand()(_branches([[4.0, 0.0]], [[0.0, 2.0]]))
    torch.testing.assert_close(fused, torch.tensor([[0.5, -0.5]]), atol=1e-4, rtol=0)


def test_a_branch_that_saw_nothing_is_neither_attended_to_nor_averaged():
    """(4, 0) alone sees (8, 0); the sum (12, 0) is normalised to (1, -1)."""
    fused = _by_hand()(_branches([[4.0, 0.0]], [[0.0, 2.0]], instance_seen=(False,)))
    torch.testing.assert_close(fused, torch.tensor([[1.0, -1.0]]), atol=1e-4, rtol=0)


def test_where_neither_branch_saw_anything_both_count():
    unseen = _branches([[4.0, 0.0]], [[0.0, 2.0]], (False,), (False,))
    seen = _branches([[4.0, 0.0]], [[0.0, 2.0]])
    torch.testing.assert_close(_by_hand()(unseen), _by_hand()(seen))


def test_superpoints_do_not_attend_to_each_other():
    within = AttentionWithin(FusionSizes(8, 2, "scalar", (8,))).double()
    one, other = torch.randn(2, 5, 8, dtype=torch.float64)
    seen = torch.rand(5) < 0.5
    whole = within(VisualBranches(one, other, seen, ~seen))
    part = within(VisualBranches(one[2:3], other[2:3], seen[2:3], ~seen[2:3]))
    torch.testing.assert_close(whole[2:3], part)


def test_addition_and_mean_by_hand():
    branches = _branches([[4.0, 0.0]], [[0.0, 2.0]])
    assert AddWithin(SIZES)(branches).tolist() == [[4.0, 2.0]]
    assert MeanWithin(SIZES)(branches).tolist() == [[2.0, 1.0]]
    half = _branches([[4.0, 0.0]], [[0.0, 2.0]], instance_seen=(False,))
    assert MeanWithin(SIZES)(half).tolist() == [[4.0, 0.0]]
