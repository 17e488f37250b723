"""Building and loading SAM."""

from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig, MaskConfig
from hcfres.data.errors import DataError
from hcfres.data.scene import Frame
from hcfres.semantics.masks import generate_masks
from hcfres.semantics.sam import build_sam, load_sam


def _config(model: str = "tiny", weights: str = "random:3") -> EncoderConfig:
    return EncoderConfig(model=model, weights=weights)


def test_the_tiny_sam_is_metas_own_class_frozen_and_in_evaluation_mode(tmp_path: Path) -> None:
    sam = load_sam(_config(), tmp_path)
    assert type(sam) is Sam
    assert not sam.training
    assert not any(parameter.requires_grad for parameter in sam.parameters())


def test_a_seed_decides_the_untrained_weights_and_leaves_the_global_generator(
    tmp_path: Path,
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same = load_sam(_config(), tmp_path), load_sam(_config(), tmp_path)
    other = load_sam(_config(weights="random:4"), tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    states = [sam.state_dict() for sam in (one, same, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_the_tiny_sam_runs_through_the_automatic_mask_generator(tmp_path: Path) -> None:
    config = MaskConfig(
        points_per_side=2, predicted_iou=0.0, stability=0.0, nms_iou=1.0, min_area_px=1
    )
    colour = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    frame = Frame(5, colour, np.zeros((6, 8), np.float32), np.eye(3), np.eye(4))
    masks = generate_masks([frame], load_sam(_config(), tmp_path), config)
    assert masks.frames.tolist() == [5]
    assert masks.size.tolist() == [48, 64]


def test_the_shipped_weights_load(tmp_path: Path) -> None:
    sam = load_sam(_config(weights="package:sam_tiny"), tmp_path)
    assert all(torch.isfinite(value).all() for value in sam.state_dict().values())


def test_an_unknown_preset_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vit_b, vit_l, vit_h"):
        load_sam(_config("vit_x"), tmp_path)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="not the weights of SAM 'tiny'"):
        load_sam(_config(weights="w.pth"), tmp_path)


@pytest.mark.slow
def test_an_official_checkpoint_of_vit_b_loads(tmp_path: Path) -> None:
    made = build_sam("vit_b", 1)
    torch.save(made.state_dict(), tmp_path / "sam_vit_b_01ec64.pth")
    loaded = load_sam(_config("vit_b", "sam_vit_b_01ec64.pth"), tmp_path)
    name = "image_encoder.blocks.11.mlp.lin2.weight"
    assert torch.equal(made.state_dict()[name], loaded.state_dict()[name])
    assert loaded.image_encoder.img_size == 1024
