"""The part of a setting and a method that each stage depends on, and nothing more of them."""

from hcfres.config.base import Config, Positive, PositiveFloat
from hcfres.config.setting import LiftingConfig, MaskConfig


class MaskSettings(Config):
    """Of SAM's masks."""

    model: str
    weights: str  # identity: a hash or `random:SEED`, never a place
    masks: MaskConfig


class TokenSettings(Config):
    """Of CLIP's tokens."""

    model: str
    weights: str
    centre_crop: bool  # legacy


class PoolingSettings(Config):
    """Of instance features."""

    blur_sigma_cells: PositiveFloat


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
    """Of RoBERTa's tokens."""

    model: str
    weights: str
