"""The weights of the best epoch so far, kept beside the last epoch's (decision 142)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from hcfres.config.setting import Kept
from hcfres.training.checkpoint import WEIGHTS, save_weights
from hcfres.training.journal import EpochReport

SCORES: Mapping[Kept, str] = {
    "best_held_out": "held_out_miou",
    "best_validation": "validation_miou",
}
"""What each kind of best is the best of: a field of EpochReport."""


def keep_best(
    folder: Path,
    network: nn.Module,
    about: Mapping[str, object],
    keep: Sequence[Kept],
    reports: Sequence[EpochReport],
) -> None:
    """Write the network as the best of a kind where its epoch is; the first of equals stays.

    Args:
        folder: of the cell; a kind has a folder of its name in it.
        network: as it is after the last of the reports' epochs.
        about: as in `save_weights`; epoch and score are added.
        keep: kinds that are asked for.
        reports: of every epoch so far.
    """
    *earlier, now = reports
    for kind, score in SCORES.items():
        miou = getattr(now, score)
        before = [b for report in earlier if (b := getattr(report, score)) is not None]
        if kind in keep and miou is not None and all(miou > other for other in before):
            told = dict(about) | {"epoch": now.epoch, score: miou}
            save_weights(folder / kind / WEIGHTS, network, told)
