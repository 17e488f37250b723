"""Table IV's parameter budget: HCF-RES has 157.69 M, 1.155 M more than IPDN's 156.53 M."""

from pathlib import Path

import pytest
import torch

from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.model.build import build_network

from ..tiny import make_method

FULL = load(Path(__file__).parents[3] / "experiments/settings/scannet.toml", SettingConfig).size
IPDN = 156_534_921
"""With the text encoder and the heads that are never used."""


def _size(method, instance_width=1024):
    with torch.device("meta"):
        network = build_network(method, FULL, 1024, 768, instance_width)
    return sum(parameter.numel() for parameter in network.parameters())


def _full(fit, **changes):
    return make_method(fit=fit, layers=6, legacy=("dead_heads",), **changes)


def _ipdn():
    return _full("C", granularities=("pixel",), within_2d="add", across="add", refine=False)


@pytest.mark.parametrize("fit", ["B", "C"])
def test_the_fit_meets_the_papers_total(fit):
    more = _size(_full(fit)) - _size(_ipdn())
    assert more == pytest.approx(1_155_000, abs=5_000)
    assert f"{(IPDN + more) / 1e6:.2f}" == "157.69"


def test_fit_a_meets_it_with_projected_instance_features():
    """CLIP's space shared with text is 768 wide (decision 17)."""
    more = _size(_full("A"), 768) - _size(_ipdn())
    assert more == pytest.approx(1_155_000, abs=5_000)
    assert f"{(IPDN + more) / 1e6:.2f}" == "157.69"
