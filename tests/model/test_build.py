from pathlib import Path

import pytest
import torch

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.rows import load_experiment
from hcfres.config.setting import SettingConfig
from hcfres.model.build import build_backbone, build_network
from hcfres.model.decoder_mdin import MdinDecoder
from hcfres.model.decoder_prompt_aware import PromptAwareDecoder

from .tiny import SIZE, TEXT_WIDTH, WIDTH, make_method, make_scenes, make_text

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def _rows():
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    methods = {f"table III, row {i}": row.method for i, row in enumerate(table.rows, 1)}
    for path in sorted((EXPERIMENTS / "methods").glob("*.toml")):
        methods[path.stem] = load(path, MethodConfig)
    return methods


@pytest.mark.parametrize("name", _rows())
def test_every_method_and_row_of_the_ablation_builds_and_predicts(name):
    network = build_network(_rows()[name], SIZE, WIDTH, TEXT_WIDTH)
    output = network(make_scenes(), make_text())
    assert len(output.layers) == 7
    assert output.layers[-1].masks.isfinite().all()


SWITCHED = {
    1: (),
    2: ("encoder.fusion.across.", "refinement."),
    3: ("encoder.fusion.instance.",),
    4: (
        "encoder.fusion.instance.",
        "encoder.fusion.within.",
        "encoder.fusion.across.",
        "refinement.",
    ),
}
"""By row of Table III, the parts of HCF-RES that it has beside those of all rows."""


@pytest.mark.parametrize("row", SWITCHED)
def test_what_a_row_of_the_ablation_switches_off_has_no_parameter_left(row):
    owned = [
        {name for name, _ in build_network(method, SIZE, WIDTH, TEXT_WIDTH).named_parameters()}
        for name, method in _rows().items()
        if name.startswith("table III")
    ]
    beyond = owned[row - 1] - owned[0]
    assert owned[0] <= owned[row - 1]
    assert {part for part in SWITCHED[4] if any(n.startswith(part) for n in beyond)} == set(
        SWITCHED[row]
    )
    assert all(name.startswith(SWITCHED[row]) for name in beyond)


@pytest.mark.parametrize("path", sorted((EXPERIMENTS / "settings").glob("*.toml")), ids=str)
def test_every_settings_sizes_build(path):
    size = load(path, SettingConfig).size
    with torch.device("meta"):
        network = build_network(make_method(), size, 1024, 768)
    assert network.selection.queries == size.queries


def test_the_family_decides_the_decoder_and_mdin_has_no_images():
    mdin = build_network(_rows()["mdin"], SIZE, WIDTH, TEXT_WIDTH)
    assert isinstance(mdin.decoder, MdinDecoder)
    assert mdin.encoder.fusion is None
    assert mdin.encoder.spatial is None
    assert mdin.refinement is None
    full = build_network(_rows()["hcf_res"], SIZE, WIDTH, TEXT_WIDTH)
    assert isinstance(full.decoder, PromptAwareDecoder)
    assert full.refinement is not None


def test_legacy_names_reach_the_parts_that_know_them():
    legacy = ("dropped_slab", "fps_skips_origin", "dead_heads")
    old = build_network(make_method(legacy=legacy), SIZE, WIDTH, TEXT_WIDTH)
    new = build_network(make_method(), SIZE, WIDTH, TEXT_WIDTH)
    assert old.encoder.backbone.drop_slab
    assert not new.encoder.backbone.drop_slab
    assert old.encoder.skips_origin
    assert not new.encoder.skips_origin
    dead = set(old.state_dict()) - set(new.state_dict())
    assert dead
    assert all("sem_cls" in n or "indi_norm" in n or ".norm." in n for n in dead)


def test_the_backbone_alone_is_the_networks():
    network = build_network(make_method(), SIZE, WIDTH, TEXT_WIDTH)
    alone = build_backbone(SIZE).state_dict()
    theirs = network.encoder.backbone.state_dict()
    assert {n: w.shape for n, w in alone.items()} == {n: w.shape for n, w in theirs.items()}


def test_the_same_seed_builds_the_same_network():
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        weights.append(build_network(make_method(), SIZE, WIDTH, TEXT_WIDTH).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
