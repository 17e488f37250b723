"""At full size our MDIN and IPDN own the public code's parameters, name by name."""

import pytest
import torch

from hcfres.model.build import build_network

from .public import FULL, method, our_name

TOTALS = {"mdin": 150_867_849, "ipdn": 156_534_921}
DEAD_CLASS_HEADS = 1_385_216


def _theirs(golden, family):
    rows = (golden / f"{family}_state_dict.tsv").read_text().splitlines()[1:]
    fields = [row.split("\t") for row in rows]
    return [(n, s, kind) for n, s, _, kind in fields if not n.startswith("criterion.")]


@pytest.mark.parametrize("family", ["mdin", "ipdn"])
def test_names_and_shapes_fit_one_to_one(golden, family):
    with torch.device("meta"):
        network = build_network(method(family, 6), FULL, 1024, 768)
    text = "bert_encoder." if family == "mdin" else "text_encoder."
    theirs = {
        our_name(name): "scalar" if shape == "scalar" else shape
        for name, shape, _ in _theirs(golden, family)
        if not name.startswith(text)
    }
    ours = {
        name: "x".join(map(str, value.shape)) or "scalar"
        for name, value in network.state_dict().items()
    }
    assert ours == theirs


@pytest.mark.parametrize("family", ["mdin", "ipdn"])
def test_with_the_text_encoder_the_totals_are_the_published_ones(family):
    roberta = 124_645_632
    with torch.device("meta"):
        network = build_network(method(family, 6), FULL, 1024, 768)
        lean = build_network(method(family, 6, legacy=()), FULL, 1024, 768)
    total = sum(parameter.numel() for parameter in network.parameters())
    assert total + roberta == TOTALS[family]
    without = sum(parameter.numel() for parameter in lean.parameters())
    crossings = {"mdin": 3 * 6, "ipdn": 4 * 6}[family] + 1
    heads = DEAD_CLASS_HEADS if family == "ipdn" else 0
    assert total - without == crossings * 2 * 256 + heads
