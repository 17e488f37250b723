from pathlib import Path

import pytest
import torch

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.model.build import build_network
from hcfres.model.published import PUBLISHED, as_published, is_backbones

from .tiny import SIZE, TEXT_WIDTH, WIDTH

METHODS = Path(__file__).parents[2] / "experiments/methods"


def _method(name):
    return load(METHODS / f"{name}.toml", MethodConfig)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_has_a_published_name_and_comes_back_from_it(name):
    published = PUBLISHED[name]
    method = as_published(_method(name), dead_heads=True)
    with torch.device("meta"):
        ours = list(build_network(method, SIZE, WIDTH, TEXT_WIDTH).state_dict())
    theirs = [published.theirs(one) for one in ours]
    assert None not in theirs
    assert len(set(theirs)) == len(ours)
    assert [published.ours(one) for one in theirs] == ours


def test_names_of_the_decoder_carry_its_prefix_and_the_number_of_their_layer():
    mdin, ipdn = PUBLISHED["mdin"], PUBLISHED["ipdn"]
    ours = "decoder.layers.4.exchange.query_reads.attn.in_proj_weight"
    assert mdin.ours("mdin.qsa_layers.4.attn.in_proj_weight") == ours
    assert ipdn.ours("dec.swa_layers.4.attn.in_proj_weight") == ours
    assert (
        mdin.theirs("decoder.layers.0.query_ffn.net.3.bias") == "mdin.qla_ffn_layers.0.net.3.bias"
    )


@pytest.mark.parametrize(
    "unknown", ["qsa_layers.4.norm.bias", "dec.qsa_layers.4.norm.bias", "mdin.qsa.bias", "", "x"]
)
def test_a_name_that_is_not_the_methods_is_nothing(unknown):
    assert PUBLISHED["mdin"].ours(unknown) is None


def test_the_u_net_keeps_its_names():
    name = "unet.u.blocks.block0.conv_branch.0.running_mean"
    assert is_backbones(name)
    for published in PUBLISHED.values():
        assert published.ours(name) == f"encoder.backbone.{name}"
    assert not is_backbones("mdin.out_norm.weight")


def test_published_weights_come_with_the_behaviour_they_were_trained_under():
    mdin, ipdn = (as_published(_method(name)) for name in ("mdin", "ipdn"))
    assert set(mdin.legacy) < set(ipdn.legacy)
    assert {"dropped_slab", "fps_skips_origin"} <= set(mdin.legacy)
    assert {"centre_crop", "first_neighbours", "dilute_unseen"} == set(ipdn.legacy) - set(
        mdin.legacy
    )
    with pytest.raises(KeyError):
        as_published(_method("hcf_res"))
