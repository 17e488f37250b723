"""Sentences above pictures, printed as they were said."""

from typing import Literal

from matplotlib.figure import FigureBase


def put_above(
    figure: FigureBase,
    sentence: str,
    fontsize: int,
    style: Literal["normal", "italic"] = "normal",
) -> None:
    """Print a sentence above a figure, wrapped; what stands between `$` is no formula.

    Matplotlib measures lines that it wraps as formulas even with `parse_math=False`; a `$` that is
    escaped is one to be printed everywhere.
    """
    escaped = sentence.replace("$", r"\$")
    figure.suptitle(escaped, fontsize=fontsize, style=style, wrap=True, parse_math=True)
