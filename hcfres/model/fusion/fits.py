"""How the parameters are split among the fusion's networks so that Table IV's budget is met.

The paper gives only the total. Three splits meet it (decision 37); widths are multiples of D.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True)
class Fit:
    """Hidden widths as multiples of D; every branch ends at D."""

    dense: tuple[Fraction, ...]
    instance: tuple[Fraction, ...]
    gate: tuple[Fraction, ...]
    feed_forward: bool
    """Whether the refinement's attention is followed by a feed-forward layer."""

    def widths(self, part: Literal["dense", "instance", "gate"], dim: int) -> tuple[int, ...]:
        """The hidden widths of a part for D = `dim`, each at least 1."""
        multiples: tuple[Fraction, ...] = getattr(self, part)
        return tuple(max(1, int(multiple * dim)) for multiple in multiples)


_TWICE, _ONE_AND_A_HALF, _ONCE = Fraction(2), Fraction(3, 2), Fraction(1)
_HALF, _QUARTER = Fraction(1, 2), Fraction(1, 4)

FITS: dict[str, Fit] = {
    "A": Fit((_TWICE, _ONCE), (_TWICE, _ONCE), (_QUARTER,), feed_forward=False),
    "B": Fit((_ONCE,), (_ONCE,), (_ONCE, _HALF), feed_forward=True),
    "C": Fit((_TWICE, _ONCE), (_ONE_AND_A_HALF,), (_ONCE,), feed_forward=False),
}
"""The budget holds for A with `instance_space = "projected"`, 768 wide, alone; C is the default."""
