"""Eq. 5 and what stands in for it when it is switched off."""

import pytest
import torch

from hcfres.model.fusion.parts import FusionSizes, VisualBranches
from hcfres.model.fusion.within_add import AddWithin
from hcfres.model.fusion.within_attention import AttentionWithin
from hcfres.model.fusion.within_cross_attention import CrossAttentionWithin
from hcfres.model.fusion.within_mean import MeanWithin

from ..tiny import make_packing_of

SIZES = FusionSizes(dim=2, heads=1, gate="scalar", gate_hidden=(2,))


def _branches(dense, instance, dense_seen=(True,), instance_seen=(True,), counts=(1,)):
    return VisualBranches(
        torch.tensor(dense), torch.tensor(instance), torch.tensor(dense_seen),
        torch.tensor(instance_seen), make_packing_of(counts),
    )  # fmt: skip


def _by_hand(variant=AttentionWithin):
    """Queries and keys 0, so each token sees the mean of the values; values 2 x; output as is."""
    within = variant(SIZES)
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
    whole = within(VisualBranches(one, other, seen, ~seen, make_packing_of((5,))))
    alone = make_packing_of((1,))
    part = within(VisualBranches(one[2:3], other[2:3], seen[2:3], ~seen[2:3], alone))
    torch.testing.assert_close(whole[2:3], part)


def test_dense_may_ask_the_instances_of_its_scene_instead():
    """Eq. 5 with Q = dense and K = V = inst, by hand; scenes of three and of one superpoint.

    The seen instances (0, 2) and (2, 2) of the first scene are gathered as 2 (1, 2) = (2, 4). Dense
    (4, 0), (2, 2) and (0, 0) become (6, 4), (4, 6) and (2, 4), which LayerNorm makes +-1 of. Of the
    second scene no instance was seen: its dense (8, 0) passes.
    """
    branches = _branches(
        [[4.0, 0.0], [2.0, 2.0], [0.0, 0.0], [8.0, 0.0]],
        [[0.0, 2.0], [90.0, 0.0], [2.0, 2.0], [90.0, 0.0]],
        (True, True, False, True),
        (True, False, True, False),
        counts=(3, 1),
    )
    fused = _by_hand(CrossAttentionWithin)(branches)
    expected = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    torch.testing.assert_close(fused, expected, atol=1e-4, rtol=0)


def _asked_scene_by_scene(within, branches, counts):
    """Eq. 5 across superpoints with each scene and head by itself."""
    rows, attn, start = [], within.attn, 0
    for count in counts:
        here = slice(start, start + count)
        start += count
        dense, seen = branches.dense[here], branches.instance_seen[here]
        gathered = torch.zeros_like(dense)
        if seen.any():
            wq, wk, wv = attn.in_proj_weight.chunk(3)
            bq, bk, bv = attn.in_proj_bias.chunk(3)
            given = branches.instance[here][seen]
            query, key, value = dense @ wq.T + bq, given @ wk.T + bk, given @ wv.T + bv
            heads = [
                ((q @ k.T) / q.shape[1] ** 0.5).softmax(1) @ v
                for q, k, v in zip(
                    query.chunk(attn.heads, 1),
                    key.chunk(attn.heads, 1),
                    value.chunk(attn.heads, 1),
                    strict=True,
                )
            ]
            gathered = attn.out_proj(torch.cat(heads, 1))
        rows.append(within.norm(dense + gathered))
    return torch.cat(rows)


@pytest.mark.parametrize("counts", [(1,), (4, 7), (3, 1, 5)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_asking_all_scenes_together_equals_one_after_the_other(counts, share):
    within = CrossAttentionWithin(FusionSizes(8, 2, "scalar", (8,))).double()
    total = sum(counts)
    dense, instance = torch.randn(2, total, 8, dtype=torch.float64).requires_grad_()
    seen = torch.rand(total) < share
    branches = VisualBranches(dense, instance, seen, seen, make_packing_of(counts))
    found, expected = within(branches), _asked_scene_by_scene(within, branches, counts)
    torch.testing.assert_close(found, expected)
    wanted = (dense, instance, *within.parameters())
    gradients = [
        torch.autograd.grad(made.sin().sum(), wanted, allow_unused=True, materialize_grads=True)
        for made in (found, expected)
    ]
    torch.testing.assert_close(*gradients)


def test_addition_and_mean_by_hand():
    branches = _branches([[4.0, 0.0]], [[0.0, 2.0]])
    assert AddWithin(SIZES)(branches).tolist() == [[4.0, 2.0]]
    assert MeanWithin(SIZES)(branches).tolist() == [[2.0, 1.0]]
    half = _branches([[4.0, 0.0]], [[0.0, 2.0]], instance_seen=(False,))
    assert MeanWithin(SIZES)(half).tolist() == [[4.0, 0.0]]
