"""What is known of CLIP's presets without building them: the grid of the tokens, and the blocks."""

from dataclasses import dataclass

from hcfres.config.loading import ConfigError
from hcfres.config.method import MethodConfig, SemanticsConfig
from hcfres.config.problems import nearest


@dataclass(frozen=True)
class Tower:
    """The image tower of a preset of `hcfres.semantics.clip`."""

    rows: int
    """Of the tokens; as many columns where the grid is square."""
    columns: int
    blocks: int


TOWERS = {"tiny": Tower(15, 20, 4), "ViT-L-14-336-quickgelu": Tower(24, 32, 24)}


def grid_of(clip_model: str, square: bool = False) -> tuple[int, int]:
    """Rows and columns of a preset's tokens.

    Args:
        square: the preset's own grid instead of the frames' shape.

    Raises:
        ConfigError: there is no such preset.
    """
    if clip_model not in TOWERS:
        known = nearest(clip_model, sorted(TOWERS), "presets")
        raise ConfigError(f"CLIP model {clip_model!r} is no preset; {known}")
    found = TOWERS[clip_model]
    return found.rows, found.rows if square else found.columns


def is_square(method: MethodConfig, semantics: SemanticsConfig) -> bool:
    """Whether a method's tokens lie on the preset's own grid (decisions 8, 105)."""
    return semantics.grid == "square" or "centre_crop" in method.legacy


def layer_problem(clip_model: str, layer: int) -> str | None:
    """What is wrong with a method's layer; None for nothing, and for a preset that is not."""
    found = TOWERS.get(clip_model)
    if found is None or -found.blocks <= layer <= -1:
        return None
    return f"{layer}, but {clip_model} has {found.blocks} blocks: -1 (the last) to -{found.blocks}"
