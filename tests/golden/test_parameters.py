"""Parameter totals of the full-size presets: the public code's, and Table IV's."""

import pytest
import torch

from hcfres.model.build import build_network

from .check_names import WIDTHS, full_size
from .networks import FULL, ancestor, preset

ROBERTA = 124_645_632
"""With its pooler."""
TOTALS = {"mdin": 150_867_849, "ipdn": 156_534_921}
DEAD_CLASS_HEADS = 1_385_216
TABLE_IV_M = {"ipdn": 156.53, "hcf_res": 157.69}


def _count(network, without=()):
    return sum(
        parameter.numel()
        for name, parameter in network.named_parameters()
        if not any(part in name for part in without)
    )


def _build(method):
    with torch.device("meta"):
        return build_network(method, FULL, *WIDTHS)


@pytest.mark.parametrize("family", TOTALS)
def test_with_the_text_encoder_the_totals_are_the_published_ones(family):
    assert _count(full_size(family)) + ROBERTA == TOTALS[family]


def test_without_its_dead_class_heads_ipdn_has_what_was_counted():
    found = _count(full_size("ipdn"), without=("sem_cls",)) + ROBERTA
    assert found == 155_149_705 == TOTALS["ipdn"] - DEAD_CLASS_HEADS


@pytest.mark.parametrize("family", TOTALS)
def test_the_presets_own_nothing_that_is_never_used(family):
    """One discarded norm for each crossing of a layer, the indicator's, and IPDN's class heads."""
    crossings = {"mdin": 3 * 6, "ipdn": 4 * 6}[family] + 1
    heads = DEAD_CLASS_HEADS if family == "ipdn" else 0
    dead = crossings * 2 * FULL.dim + heads
    assert _count(_build(preset(family))) == TOTALS[family] - ROBERTA - dead
    assert _count(_build(ancestor(family, 6))) - _count(_build(preset(family))) == dead


@pytest.mark.parametrize("name", TABLE_IV_M)
def test_with_the_dead_heads_counted_the_presets_have_table_ivs_totals(name):
    method = preset(name).model_copy(update={"legacy": ("dead_heads",)})
    total_m = (_count(_build(method)) + ROBERTA) / 1e6
    assert total_m == pytest.approx(TABLE_IV_M[name], abs=0.01)
