import pytest
import torch
from torch import nn

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.layers import CrossAttention, FeedForward, SelfAttention, mlp, multiplicity

DIM, HEADS = 12, 3


def _pair():
    """Ours and torch's with the same weights, in float64."""
    ours = MultiHeadAttention(DIM, HEADS).double()
    nn.init.normal_(ours.in_proj_bias)
    theirs = nn.MultiheadAttention(DIM, HEADS, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def _rows(*shape):
    return torch.randn(*shape, DIM, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("target", "source"), [(1, 1), (4, 7), (6, 2), (0, 3)])
def test_values_and_gradients_equal_torchs_attention(target, source):
    ours, theirs = _pair()
    queries, keys = _rows(2, target), _rows(2, source)
    blocked = torch.rand(2, target, source) < 0.4
    blocked[..., 0] = False
    found = ours(queries, ours.remember(keys), blocked)
    mask = blocked.repeat_interleave(HEADS, dim=0)
    expected, _ = theirs(queries, keys, keys, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(found, expected)
    inputs = (queries, keys)
    weights = (ours.in_proj_weight, ours.out_proj.weight)
    got = torch.autograd.grad(found.sin().sum(), inputs + weights)
    their_weights = (theirs.in_proj_weight, theirs.out_proj.weight)
    wanted = torch.autograd.grad(expected.sin().sum(), inputs + their_weights)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_attention_among_rows_is_attention_with_itself_as_source():
    ours, _ = _pair()
    rows = _rows(2, 5)
    torch.testing.assert_close(ours.among(rows), ours(rows, ours.remember(rows)))


def test_summed_logits_are_the_mean_over_heads_of_scaled_products_summed_over_queries():
    ours, _ = _pair()
    queries, source = _rows(2, 4), _rows(2, 6)
    counted = torch.tensor([[True, False, True, True], [False, False, True, False]])
    width = DIM // HEADS
    asked = queries @ ours.in_proj_weight[:DIM].T + ours.in_proj_bias[:DIM]
    keys = source @ ours.in_proj_weight[DIM : 2 * DIM].T + ours.in_proj_bias[DIM : 2 * DIM]
    each = [
        asked[..., i * width : (i + 1) * width] @ keys[..., i * width : (i + 1) * width].mT
        for i in range(HEADS)
    ]
    expected = (torch.stack(each).mean(0) / width**0.5 * counted[..., None]).sum(1)
    found = ours.summed_logits(queries, counted, ours.remember(source))
    torch.testing.assert_close(found, expected)


def test_a_row_counted_three_times_is_three_equal_rows():
    ours, _ = _pair()
    queries, source = _rows(1, 4), _rows(1, 3)
    counts = torch.tensor([[1.0, 3.0, 0.0]], dtype=torch.float64)
    found = ours(queries, ours.remember(source), multiplicity(counts))
    repeated = source[:, [0, 1, 1, 1]]
    torch.testing.assert_close(found, ours(queries, ours.remember(repeated)))
    assert multiplicity(None) is None


def test_self_attention_may_keep_only_the_first_rows():
    layer = SelfAttention(DIM, HEADS).double()
    rows = _rows(2, 5)
    torch.testing.assert_close(layer(rows, keep=2), layer(rows)[:, :2])


def test_cross_attention_adds_without_a_norm_unless_the_method_applies_one():
    """Decision 119: the public code owns a norm there and discards its result."""
    layer = CrossAttention(DIM, HEADS).double()
    rows, source = _rows(2, 5), _rows(2, 3)
    expected = rows + layer.attn(rows, layer.attn.remember(source))
    torch.testing.assert_close(layer(rows, source), expected)
    assert not any("norm" in name for name, _ in layer.named_parameters())
    discarded = CrossAttention(DIM, HEADS, "discarded").double()
    discarded.attn.load_state_dict(layer.attn.state_dict())
    torch.testing.assert_close(discarded(rows, source), expected)
    applied = CrossAttention(DIM, HEADS, "applied").double()
    applied.attn.load_state_dict(layer.attn.state_dict())
    expected = torch.nn.functional.layer_norm(expected, (DIM,))
    torch.testing.assert_close(applied(rows, source), expected)
    assert set(applied.state_dict()) == set(discarded.state_dict())


def test_feed_forward_and_mlp_have_the_public_codes_places():
    assert sorted(FeedForward(4, 8).state_dict())[:2] == ["net.0.bias", "net.0.weight"]
    assert "net.3.weight" in FeedForward(4, 8).state_dict()
    widths = [tuple(p.shape) for n, p in mlp(3, 5, 2).named_parameters() if "weight" in n]
    assert widths == [(5, 3), (2, 5)]
