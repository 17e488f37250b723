"""What a method is computed on: data, frozen encoders, sizes and the training budget."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from hcfres.config.base import Config, Fraction, Positive, PositiveFloat, Seeds
from hcfres.config.names import Inside, Name, Title, require_name


class RoomsConfig(Config):
    """How many synthetic rooms are made, and from which seeds (disjoint from pre-training's)."""

    train_rooms: Positive
    val_rooms: Positive
    frames_per_room: Positive
    train_expressions_per_room: Positive
    val_expressions_per_room: Positive


class DataConfig(Config):
    """The dataset, in ScanNet's own layout whoever made it."""

    kind: Literal["rooms", "scannet"]
    expressions: Literal["multi3drefer", "scanrefer", "nr3d", "sr3d"]
    frame_every: Positive  # every k-th frame of the recording, of those on the disk
    held_out: Fraction  # share of the training spaces kept for decisions; validation never serves
    rooms: RoomsConfig | None = None

    @model_validator(mode="after")
    def _rooms_are_described(self) -> "DataConfig":
        if (self.kind == "rooms") != (self.rooms is not None):
            raise ValueError('`rooms` is given when kind = "rooms", and only then')
        return self


class SuperpointConfig(Config):
    """The over-segmentation of the mesh (Felzenszwalb; formats.md 6)."""

    source: Literal["mesh", "segs"]
    k_threshold: PositiveFloat
    min_vertices: Positive


class EncoderConfig(Config):
    """One frozen encoder: which network, and whose weights."""

    model: str  # a preset of hcfres.semantics / hcfres.language, e.g. "tiny" or "vit_h"
    weights: Inside  # "package:NAME" for those shipped, else a path under the workspace's weights/


def _require_parser(text: str) -> str:
    kind, colon, pipeline = text.partition(":")
    require_name(kind)
    if colon:
        require_name(pipeline)
    return text


Parser = Annotated[str, AfterValidator(_require_parser)]


class TextConfig(EncoderConfig):
    """RoBERTa, and what finds the parts of a sentence for the token maps."""

    parser: Parser  # a name in hcfres.language.parsing: "rules", or "spacy:" and a pipeline


class MaskConfig(Config):
    """SAM's automatic masks and their quality filter (Sec. III-C)."""

    points_per_side: Positive
    predicted_iou: Fraction
    stability: Fraction
    nms_iou: Fraction
    min_area_px: Positive


class LiftingConfig(Config):
    """Eq. 2 and the spherical query."""

    radius_m: PositiveFloat
    neighbours: Positive
    max_depth_m: PositiveFloat


class SizeConfig(Config):
    """The network's sizes, in the paper's letters where it has them."""

    voxel_m: PositiveFloat
    backbone_channels: Positive  # C
    backbone_levels: Positive
    dim: Positive  # D
    heads: Positive
    ffn_dim: Positive
    projection_dim: Positive  # of the contrastive space
    seeds: Positive  # N_seeds
    queries: Positive  # m
    neighbours: Positive  # of spatial attention

    @model_validator(mode="after")
    def _divisible(self) -> "SizeConfig":
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        if self.queries > self.seeds:
            raise ValueError(
                f"queries {self.queries} exceed the {self.seeds} seeds they are chosen from"
            )
        return self


class AugmentConfig(Config):
    """Random changes of a training scene (prior_art.md 1.6); each may be switched off by 0."""

    jitter: float = Field(ge=0)  # standard deviation of the linear map's entries
    flip: Fraction
    rotate: bool  # about the vertical axis
    colour: float = Field(ge=0)
    elastic: bool


Kept = Literal["last", "best_held_out", "best_validation"]
"""Which epoch's weights: the last's, or those of the highest mean IoU on held-out training spaces
or, chosen with the very labels it is scored by, on validation."""


class TrainingConfig(Config):
    """The optimiser and the budget."""

    epochs: Positive
    scenes_per_batch: Positive
    accumulate: Positive  # batches whose gradients make one step of the optimiser
    expressions_per_scene: Positive
    precision: Literal["fp32", "bf16"]  # of the network's products (decision 141)
    keep: tuple[Kept, ...]  # weights that are kept and evaluated; the last's are the headline
    learning_rate: PositiveFloat
    weight_decay: float = Field(ge=0)
    decay_power: PositiveFloat  # of the polynomial schedule
    clip_norm: PositiveFloat
    backbone: Literal["trained", "frozen"]
    text: Literal["trained", "frozen"]  # frozen: token features are computed once (decision 26)
    backbone_weights: Inside | None = None  # "package:NAME" or a path; left out: from scratch
    augment: AugmentConfig | None = None

    @model_validator(mode="after")
    def _last_is_kept(self) -> "TrainingConfig":
        if "last" not in self.keep or len(set(self.keep)) < len(self.keep):
            raise ValueError(f'keep {list(self.keep)} names "last" once, and no other twice')
        return self

    @model_validator(mode="after")
    def _frozen_is_trained(self) -> "TrainingConfig":
        if self.backbone == "frozen" and self.backbone_weights is None:
            raise ValueError('backbone = "frozen" needs backbone_weights: it would stay untrained')
        return self


class SettingConfig(Config):
    """One setting, e.g. the embedded default `rooms` or the paper's `scannet`."""

    name: Name
    title: Title
    min_points: Positive  # fewer predicted points than this mean "nothing" (zero-target rule)
    seeds: Seeds
    data: DataConfig
    superpoints: SuperpointConfig
    sam: EncoderConfig
    clip: EncoderConfig
    text: TextConfig
    masks: MaskConfig
    lifting: LiftingConfig
    size: SizeConfig
    training: TrainingConfig

    @model_validator(mode="after")
    def _best_can_be_told(self) -> "SettingConfig":
        if "best_held_out" in self.training.keep and not self.data.held_out:
            raise ValueError(
                'training.keep names "best_held_out", but data.held_out is 0: hold training spaces '
                "out, or leave the name out"
            )
        return self
