"""Our MDIN and IPDN compute what the public code computes."""

import pytest
import torch

from .public import encode, network_of, read, text_of


@pytest.mark.parametrize("family", ["mdin", "ipdn"])
def test_every_layers_outputs_are_the_public_codes(golden, family):
    case = read(golden, f"{family}_decoder_a")
    network = network_of(case, family)
    output = network.decode(encode(case, network), text_of(case))
    torch.testing.assert_close(output.relevance, case["out.ref_scores"], atol=1e-9, rtol=0)
    assert torch.equal(output.selected, case["out.sample_inds"])
    assert torch.equal(output.padded, case["out.batch_mask"])
    prefixes = [f"out.aux.{i}." for i in range(len(output.layers) - 1)] + ["out."]
    for layer, prefix in zip(output.layers, prefixes, strict=True):
        pairs = {
            "masks": layer.masks,
            "scores": layer.scores[..., None],
            "indis": layer.indicators,
            "proj_queries": layer.vision,
        }
        if prefix + "proj_tokens" in case.tensors:
            pairs["proj_tokens"] = layer.text
        for name, ours in pairs.items():
            torch.testing.assert_close(ours, case[prefix + name], atol=1e-8, rtol=0)
