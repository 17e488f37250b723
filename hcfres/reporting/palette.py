"""Colours that stay apart for the colour-blind (Okabe and Ito), the same in every figure."""

from collections.abc import Iterable

_LINES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D1F", "#000000")
TRIVIAL = "#BBBBBB"
"""Of predictors that know nothing."""
ORACLE = "#777777"
"""Of those that read the ground truth."""


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Give each different label a colour, by its order of appearance."""
    different = dict.fromkeys(labels)
    return {label: _LINES[index % len(_LINES)] for index, label in enumerate(different)}
