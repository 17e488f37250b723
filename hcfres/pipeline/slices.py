"""The part of a setting and a method that each stage depends on, and nothing more of them."""

from hcfres.config.base import Config, Positive, PositiveFloat
from hcfres.config.method import MethodConfig
from hcfres.config.setting import LiftingConfig, MaskConfig


def stage_names(method: MethodConfig) -> tuple[str, ...]:
    """The stages of a scene that a method needs, each after those it is made from."""
    granularities = method.semantics.granularities if method.semantics else ()
    if not granularities:
        return ("superpoints",)
    dense = ("tokens", "dense_operator", "dense")
    if "instance" not in granularities:
        return ("superpoints", *dense)
    return ("superpoints", "masks", *dense, "instances", "instance_operator", "instance")


def given_names(method: MethodConfig) -> tuple[str, ...]:
    """The stages whose results a method is given; the others are on the way to them."""
    return tuple(n for n in stage_names(method) if n in ("superpoints", "dense", "instance"))


class MaskSettings(Config):
    """Of SAM's masks."""

    model: str
    weights: str  # identity: a hash or `random:SEED`, never a place
    masks: MaskConfig


class TokenView(Config):
    """How CLIP looks at a frame."""

    square: bool  # its own grid instead of the frames' shape
    centre_crop: bool  # legacy: of the frame what has the grid's shape, not all of it
    layer: int


class TokenSettings(Config):
    """Of CLIP's tokens."""

    model: str
    weights: str
    view: TokenView


class PoolingSettings(Config):
    """Of instance features."""

    blur_sigma_cells: PositiveFloat
    instance_space: str


class DenseLiftingSettings(Config):
    """Of the operator for tokens: the grid, but not what lies on it."""

    lifting: LiftingConfig
    rows: Positive
    columns: Positive
    legacy: tuple[str, ...]


class InstanceLiftingSettings(Config):
    """Of the operator for instance features."""

    lifting: LiftingConfig
    overlap: str
    legacy: tuple[str, ...]


class TextSettings(Config):
    """Of RoBERTa's tokens and the token maps."""

    model: str
    weights: str
    parser: str  # identity: what decides its answers, apart from its code
