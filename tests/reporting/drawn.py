"""Predictions on a scan of eight superpoints, for figures."""

from pathlib import Path

from hcfres.evaluation.answers import score
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.evaluation.recompute import PredictionTable, read_predictions
from tests.evaluation.scenes import make_answers, make_truth

KEY = "0123456789abcdef"
ASKED = len(make_truth().expressions)
SOURCE = PredictionSource("multi3drefer", "1", "hash", "val", "gres", 1, KEY, ASKED)


def write_predictions(path: Path, seed: int = 0) -> Path:
    """Write the answers that a seed gives."""
    truth, answers = make_truth(), make_answers(seed)
    with PredictionWriter(path, SOURCE) as file:
        file.write(truth, answers, score(truth, answers.chosen, answers.fired.any(1), 1))
    return path


def predictions(path: Path, seed: int = 0) -> PredictionTable:
    """The same, opened."""
    return read_predictions(write_predictions(path, seed))


FORMULA = r"a $\frac chair$"
"""What matplotlib would refuse as mathematics."""


def texts(figure) -> list[str]:
    """Every text of a figure, its parts' included."""
    import matplotlib.text  # noqa: PLC0415

    found = figure.findobj(matplotlib.text.Text)
    return [text.get_text() for text in found if text.get_text()]
