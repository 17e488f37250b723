"""What a method is made of: structure only. Its sizes belong to the setting.

Field order follows the paper: Sec. III-C, III-D, the decoder of Fig. 3, then Sec. III-E.
"""

from typing import Literal

from pydantic import Field, model_validator

from hcfres.config.base import Config, Positive, PositiveFloat

Granularity = Literal["pixel", "instance"]


class SemanticsConfig(Config):
    """Hierarchical Visual Semantic Decomposition (Sec. III-C)."""

    granularities: tuple[Granularity, ...]  # which of F_dense and F_inst the method is given
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
    gate: Literal["scalar", "channel"]  # the weights of Eq. 6: one, or one a channel (decision 19)
    refine: bool  # language-guided instance refinement
    fit: Literal["A", "B", "C"]  # the module split that meets Table IV's budget (decision 37)


class QueryConfig(Config):
    """From seeds to queries (Sec. III-D, language-guided selection)."""

    spatial_attention: bool  # IPDN's attention of each seed to its nearest seeds


class DecoderConfig(Config):
    """The decoder of Fig. 3."""

    family: Literal["mdin", "prompt_aware"]
    layers: Positive


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

    name: str
    title: str  # as the paper prints it
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
