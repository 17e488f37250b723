"""From configuration to network: the one place that knows sizes and legacy names."""

from collections.abc import Collection

from torch import nn

from hcfres.config.method import DecoderConfig, MethodConfig
from hcfres.config.setting import SizeConfig
from hcfres.model.adapter import Adapter, TextAdapter
from hcfres.model.backbone import SparseUNet
from hcfres.model.decoder_mdin import MdinDecoder, MdinLayer
from hcfres.model.decoder_prompt_aware import PromptAwareDecoder, PromptAwareLayer
from hcfres.model.encoder import SceneEncoder
from hcfres.model.fusion.fits import FITS
from hcfres.model.fusion.fusion import Fusion, VisualWidths
from hcfres.model.heads import PredictionHeads
from hcfres.model.layers import CrossNorm, mlp
from hcfres.model.legacy import add_unused_class_heads
from hcfres.model.network import HcfRes
from hcfres.model.refinement import InstanceRefinement
from hcfres.model.selection import LanguageGuidedSelection
from hcfres.model.spatial import SpatialAttention

CHANNELS_IN = 6
"""Colour and coordinates of a point."""
UNUSED_CLASSES = 256
"""Outputs of the class heads that IPDN owns and never uses."""


def build_network(
    method: MethodConfig,
    size: SizeConfig,
    dense_width: int,
    text_width: int,
    instance_width: int = 0,
    text_encoder: nn.Module | None = None,
) -> HcfRes:
    """The network of a method at a setting's sizes, with random weights.

    Args:
        dense_width: of F_dense; not used by methods without images.
        text_width: of the text encoder's hidden states.
        instance_width: of F_inst; 0 where it is that of F_dense.
        text_encoder: left out where it is frozen: the network is then given token features.

    Raises:
        ConfigError: the method names a fusion variant that does not exist.
    """
    widths = VisualWidths(dense_width, instance_width or dense_width)
    return HcfRes(
        encoder=_encoder(method, size, widths),
        text_adapter=TextAdapter(text_width, size.dim),
        selection=LanguageGuidedSelection(size.dim, size.queries),
        refinement=_refinement(method, size),
        context=_context(method, size),
        decoder=_decoder(method.decoder, size, method.legacy),
        text_encoder=text_encoder,
    )


def build_backbone(size: SizeConfig, legacy: Collection[str] = ()) -> SparseUNet:
    """The U-Net alone."""
    drop_slab = "dropped_slab" in legacy
    return SparseUNet(CHANNELS_IN, size.backbone_channels, size.backbone_levels, drop_slab)


def _encoder(method: MethodConfig, size: SizeConfig, widths: VisualWidths) -> SceneEncoder:
    dim, heads = size.dim, size.heads
    unified = method.fusion is not None and method.fusion.mask_features == "unified"
    spatial = method.queries.spatial_attention
    return SceneEncoder(
        backbone=build_backbone(size, method.legacy),
        adapter=Adapter(size.backbone_channels, dim),
        mask_features=mlp(dim if unified else size.backbone_channels, dim, dim),
        masks_of_unified=unified,
        query_generator=mlp(dim, dim, dim, dim),
        fusion=_fusion(method, size, widths),
        spatial=SpatialAttention(dim, heads, size.neighbours) if spatial else None,
        seeds=size.seeds,
        skips_origin="fps_skips_origin" in method.legacy,
    )


def _fusion(method: MethodConfig, size: SizeConfig, widths: VisualWidths) -> Fusion | None:
    if method.fusion is None or method.semantics is None:
        return None
    if "instance" not in method.semantics.granularities:
        widths = VisualWidths(widths.dense, None)
    return Fusion(method.fusion, widths, size.dim, size.heads)


def _refinement(method: MethodConfig, size: SizeConfig) -> InstanceRefinement | None:
    if method.fusion is None or not method.fusion.refine:
        return None
    hidden = size.ffn_dim if FITS[method.fusion.fit].feed_forward else None
    return InstanceRefinement(size.dim, size.heads, hidden)


def _context(method: MethodConfig, size: SizeConfig) -> InstanceRefinement | None:
    fusion = method.fusion
    if fusion is None or not fusion.refine or fusion.refine_with != "context_and_instance":
        return None
    return InstanceRefinement(size.dim, size.heads, None)


def _decoder(
    config: DecoderConfig, size: SizeConfig, legacy: Collection[str]
) -> MdinDecoder | PromptAwareDecoder:
    dead = "dead_heads" in legacy
    norm: CrossNorm = config.cross_norm
    if norm == "none" and dead:
        norm = "discarded"
    sizes = (size.dim, size.heads, size.ffn_dim, norm)
    heads = PredictionHeads(size.dim, size.projection_dim, dead)
    if config.family == "mdin":
        return MdinDecoder([MdinLayer(*sizes) for _ in range(config.layers)], heads)
    layers = [PromptAwareLayer(*sizes) for _ in range(config.layers)]
    decoder = PromptAwareDecoder(layers, heads, size.neighbours)
    if dead:
        add_unused_class_heads(decoder, config.layers, size.dim, UNUSED_CLASSES)
    return decoder
