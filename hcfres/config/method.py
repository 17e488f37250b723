"""What a method is made of: structure only. Its sizes belong to the setting.

Field order follows the paper: Sec. III-C, III-D, the decoder of Fig. 3, then Sec. III-E.
"""

from typing import Literal

from pydantic import Field, model_validator

from hcfres.config.base import Config, Positive, PositiveFloat
from hcfres.config.names import Name, Title

Granularity = Literal["pixel", "instance"]

Gate = Literal["scalar", "channel", "channel_sigmoid"]
"""The weights of Eq. 6: a softmax over the two modalities, one for each superpoint or one for each
of its channels; or, for each channel, two sigmoids that need not sum to one."""

RefineWith = Literal["instance", "dense", "unified", "context_and_instance"]
"""What queries are refined with: MLP_inst(F_inst), MLP_dense(F_dense) or V_unified; or V_unified
(scene context, Fig. 3) and then MLP_inst(F_inst)."""


class SemanticsConfig(Config):
    """Hierarchical Visual Semantic Decomposition (Sec. III-C)."""

    granularities: tuple[Granularity, ...]  # which of F_dense and F_inst the method is given
    least_sharpness: float = Field(ge=0)  # frames below it are not looked at; 0: all (decision 9)
    grid: Literal["wide", "square"]  # of CLIP's tokens: the frames' shape, or CLIP's (decision 8)
    layer: int = Field(le=-1)  # CLIP's block that the tokens come from; -1: the last (decision 7)
    instance_space: Literal["tokens", "projected"]  # of f_inst: CLIP's width, or its space shared
    # with text (decision 17)
    blur_sigma_cells: PositiveFloat  # sigma of Eq. 3, in cells of the CLIP token grid (decision 14)
    overlap: Literal[
        "smallest", "weighted"
    ]  # whose feature a pixel under two masks gets (decision 15)

    @model_validator(mode="after")
    def _pixel_comes_first(self) -> "SemanticsConfig":
        if self.granularities not in (("pixel",), ("pixel", "instance")):
            raise ValueError('granularities is ["pixel"] or ["pixel", "instance"]')
        return self


class FusionConfig(Config):
    """Progressive Multi-level Fusion (Sec. III-D)."""

    within_2d: str  # a name in hcfres.model.fusion: how F_dense and F_inst become one (Eq. 5)
    across: str  # a name in hcfres.model.fusion: how 2D and 3D become one (Eq. 6)
    gate: Gate  # the weights of Eq. 6 (decision 19)
    refine: bool  # language-guided instance refinement
    refine_with: RefineWith  # its keys and values (decision 21)
    mask_features: Literal["geometry", "unified"]  # what masks are read from: F_3d, or V_unified
    # (decision 23)
    fit: Literal["A", "B", "C"]  # the module split that meets Table IV's budget (decision 37)


class QueryConfig(Config):
    """From seeds to queries (Sec. III-D, language-guided selection)."""

    spatial_attention: bool  # IPDN's attention of each seed to its nearest seeds


class DecoderConfig(Config):
    """The decoder of Fig. 3."""

    family: Literal["mdin", "prompt_aware"]
    layers: Positive
    cross_norm: Literal["none", "applied"]  # a LayerNorm after cross-attention (decision 119)


class LossConfig(Config):
    """Weights of the objective's terms (Sec. III-E)."""

    mask_bce: float = Field(ge=0)
    mask_dice: float = Field(ge=0)
    score: float = Field(ge=0)
    sampling: float = Field(ge=0)
    indicator: float = Field(ge=0)
    contrastive: float = Field(ge=0)


Legacy = Literal[
    "target_indexing",
    "centre_crop",
    "dilute_unseen",
    "first_neighbours",
    "fps_skips_origin",
    "padded_tokens_in_contrastive",
    "text_dropout",
    "dropped_slab",
    "dead_heads",
]


class MethodConfig(Config):
    """One method of the paper's tables, complete: no inheritance between files."""

    name: Name
    title: Title  # as the paper prints it
    semantics: SemanticsConfig | None = None  # left out: point clouds only (MDIN)
    fusion: FusionConfig | None = None
    queries: QueryConfig
    decoder: DecoderConfig
    losses: LossConfig
    legacy: tuple[Legacy, ...]  # behaviour of the public code kept by name; empty is right

    @model_validator(mode="after")
    def _fusion_needs_semantics(self) -> "MethodConfig":
        if (self.semantics is None) != (self.fusion is None):
            raise ValueError("`semantics` and `fusion` are given together or not at all")
        return self
