"""What surfaces look like: two tones and a pattern for each material of a room."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hcfres.data.rooms.palette import FIXED, base_colour, second_colour, second_share
from hcfres.data.rooms.room import Furniture, Room

PATTERN_NUMBER = {
    "plain": 0, "striped": 1, "dotted": 2, "checkered": 3, "planks": 4, "tiles": 5, "carpet": 6,
    "wall": 7,
}  # fmt: skip
_WIDE_PERIOD = ("couch", "bed", "curtain", "bookshelf", "cabinet", "table")
_FLOORS = (
    ("planks", (0.62, 0.46, 0.30)), ("planks", (0.48, 0.35, 0.24)), ("planks", (0.70, 0.60, 0.46)),
    ("tiles", (0.72, 0.70, 0.66)), ("tiles", (0.55, 0.56, 0.58)),
    ("carpet", (0.50, 0.52, 0.55)), ("carpet", (0.58, 0.52, 0.44)), ("carpet", (0.40, 0.44, 0.50)),
)  # fmt: skip
_WALLS = (
    (0.88, 0.87, 0.83), (0.86, 0.82, 0.72), (0.80, 0.84, 0.86), (0.84, 0.87, 0.80),
    (0.88, 0.82, 0.80), (0.78, 0.78, 0.80),
)  # fmt: skip


@dataclass(frozen=True)
class Materials:
    """A table of surfaces; a triangle names its row."""

    base: Float[np.ndarray, "materials 3"]
    """Reflectance of the first tone, 0..1."""
    second: Float[np.ndarray, "materials 3"]
    pattern: Int[np.ndarray, " materials"]
    """A value of PATTERN_NUMBER."""
    period: Float[np.ndarray, " materials"]
    """Metres until the pattern repeats."""
    mean: Float[np.ndarray, "materials 3"]
    """Reflectance averaged over the pattern: what a coarse reconstruction sees."""


class Palette:
    """Collects the materials of a room; `table` gives them in the order of their numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rows: list[tuple[np.ndarray, np.ndarray, int, float, np.ndarray]] = []

    def _add(
        self, base: np.ndarray, second: np.ndarray, pattern: str, period: float, share: float
    ) -> int:
        mean = (1 - share) * base + share * second
        self._rows.append((base, second, PATTERN_NUMBER[pattern], period, mean))
        return len(self._rows) - 1

    def of(self, item: Furniture) -> dict[str, int]:
        """Give the numbers of a piece's own materials, `main` and `plain`, slightly varied."""
        tint = 1 + self._rng.uniform(-0.06, 0.06) + self._rng.uniform(-0.02, 0.02, 3)
        base = np.clip(base_colour(item.colour) * tint, 0.02, 0.97)
        second = np.clip(second_colour(item.colour) * tint, 0.02, 0.97)
        period = 0.11 if item.label in _WIDE_PERIOD else 0.085
        share = second_share(item.pattern)
        return {
            "main": self._add(base, second, item.pattern, period, share),
            "plain": self._add(base, base, "plain", 1.0, 0.0),
        }

    def fixed(self, name: str) -> int:
        """Give the number of a material that has a colour of its own; `book…` is any colour."""
        if name.startswith("book"):
            base = self._rng.uniform(0.12, 0.7, 3)
        else:
            base = np.array(FIXED[name]) / 255.0 * (1 + self._rng.uniform(-0.05, 0.05))
        base = np.clip(base, 0.02, 0.97)
        return self._add(base, base, "plain", 1.0, 0.0)

    def floor(self) -> int:
        """Draw a floor: boards, tiles or carpet."""
        pattern, colour = _FLOORS[self._rng.integers(len(_FLOORS))]
        base = np.array(colour)
        return self._add(base, base * 0.72, pattern, 0.4 if pattern == "tiles" else 0.14, 0.12)

    def wall(self) -> int:
        """Draw a pale wall with a skirting board."""
        base = np.array(_WALLS[self._rng.integers(len(_WALLS))])
        return self._add(base, np.array((0.93, 0.93, 0.92)), "wall", 0.09, 0.0)

    def table(self) -> Materials:
        """Freeze what was collected."""
        base, second, pattern, period, mean = zip(*self._rows, strict=True)
        return Materials(
            base=np.stack(base),
            second=np.stack(second),
            pattern=np.array(pattern, dtype=np.int64),
            period=np.array(period, dtype=np.float64),
            mean=np.stack(mean),
        )


def light_of(room: Room, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Draw the colour and strength of a room's light: a factor on each channel."""
    del room
    warmth = rng.uniform(-0.05, 0.05)
    return rng.uniform(1.0, 1.12) * np.array([1 + warmth, 1.0, 1 - warmth])
