"""SAM, the frozen network that proposes instance masks (Sec. III-C).

Every preset is Meta's own `segment_anything.modeling.Sam`; "tiny" is that class at a size that
a laptop trains and runs.
"""

from functools import partial
from pathlib import Path

import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig
from hcfres.semantics.weights import fill, random_seed, weights_path

TINY_IMAGE = 192
"""Long side of the image the tiny SAM sees, pixels."""
_PATCH = 8
_WIDTH = 128
_DIM = 64
_PIXEL_MEAN = [123.675, 116.28, 103.53]
_PIXEL_STD = [58.395, 57.12, 57.375]

PRESETS = ("tiny", "vit_b", "vit_l", "vit_h")


def load_sam(config: EncoderConfig, weights_root: Path) -> Sam:
    """Build the preset and put its weights in; the network comes frozen and in evaluation mode.

    Raises:
        ConfigError: no such preset, or the file of weights is not there.
        DataError: the file is damaged or holds another network's weights.
    """
    if config.model not in PRESETS:
        raise ConfigError(f"SAM model {config.model!r} is none of {', '.join(PRESETS)}")
    path = weights_path(config.weights, weights_root)
    seed = random_seed(config.weights) if path is None else 0
    sam = build_sam(config.model, seed)
    if path is not None:
        fill(sam, path, f"SAM {config.model!r}")
    return sam.eval().requires_grad_(False)


def build_sam(model: str, seed: int) -> Sam:
    """Build an untrained SAM, the same one for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model == "tiny":
            return _tiny()
        return sam_model_registry[model](checkpoint=None)


def _tiny() -> Sam:
    grid = TINY_IMAGE // _PATCH
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=TINY_IMAGE,
            patch_size=_PATCH,
            embed_dim=_WIDTH,
            depth=5,
            num_heads=4,
            mlp_ratio=3,
            out_chans=_DIM,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            window_size=8,
            use_rel_pos=True,
            global_attn_indexes=(1, 3, 4),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=_DIM,
            image_embedding_size=(grid, grid),
            input_image_size=(TINY_IMAGE, TINY_IMAGE),
            mask_in_chans=8,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=_DIM,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=_DIM, num_heads=2, mlp_dim=2 * _DIM
            ),
            num_multimask_outputs=3,
            iou_head_depth=2,
            iou_head_hidden_dim=_DIM,
        ),
        pixel_mean=_PIXEL_MEAN,
        pixel_std=_PIXEL_STD,
    )
    _sharpen_positions(sam)
    return sam


def _sharpen_positions(sam: Sam) -> None:
    """Let a point be told from its neighbours although the network is narrow.

    The positional code's frequencies are spread from coarse to fine, the patch positions start
    from it, and attention between points and image starts out linking what lies close together.
    """
    frequencies = sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    spread = torch.logspace(-0.3, 0.7, frequencies.shape[1])
    frequencies.copy_(frequencies / frequencies.norm(dim=0) * spread)
    position = sam.prompt_encoder.get_dense_pe()[0].permute(1, 2, 0)
    with torch.no_grad():
        sam.image_encoder.pos_embed[..., :_DIM] = 0.3 * position
        nn.init.trunc_normal_(sam.image_encoder.pos_embed[..., _DIM:], std=0.02)
        for layer in sam.mask_decoder.transformer.layers:
            for attention in (layer.cross_attn_token_to_image, layer.cross_attn_image_to_token):
                nn.init.orthogonal_(attention.q_proj.weight, gain=1.5)
                attention.k_proj.weight.copy_(attention.q_proj.weight)
