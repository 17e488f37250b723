"""The columns of the paper's tables: what is printed where, and which stored number it is."""

from hcfres.config.setting import Kept
from hcfres.data.errors import DataError
from hcfres.evaluation.cost.definitions import WARM_SCENE
from hcfres.reporting.table import Column

_GROUPS = {"zt": "ZT", "st": "ST", "mt": "MT", "all": "All"}
_SCORES = {"acc_25": "Acc@0.25", "acc_50": "Acc@0.5", "miou": "mIoU"}
_COST = {
    "params_m": Column("Params (M)", ("cost/params_m",), 2, higher_is_better=False, scale=1.0),
    "inference_ms": Column(
        "Inference (ms)",
        ("cost/inference_ms",),
        0,
        higher_is_better=False,
        scale=1.0,
        comparable=False,
        note=(
            f"Our milliseconds are a {WARM_SCENE.name}: {WARM_SCENE.sentence}. They are the "
            "median of repeats on four scans, on the device that ran the cell (its DONE.json names "
            "it). The paper's are of one RTX 4090 and do not say what they count, so that no "
            "difference is printed; `hcfres cost` takes ours apart."
        ),
    ),
}


def stored_name(column: str, weights: Kept = "last") -> str:
    """Name the stored number of an experiment's column: `acc_25.zt_w_d` is val/zt_w_d/acc_25.

    Args:
        weights: whose number is meant; best_held_out/zt_w_d/acc_25 is that of another epoch.
    """
    if column in _COST:
        return _COST[column].metrics[0]
    score, _, group = column.partition(".")
    return f"{'val' if weights == 'last' else weights}/{group or 'all'}/{score}"


def printed_columns(
    columns: tuple[str, ...], weights: Kept = "last"
) -> tuple[tuple[Column, tuple[str, ...]], ...]:
    """Lay an experiment's columns out for print.

    With and without distractors (`_w_d`, `_wo_d`) share a column, beside a slash, as in Table II.

    Returns:
        Each printed column with the experiment's columns it shows.
    """
    printed: list[tuple[Column, tuple[str, ...]]] = []
    for name in columns:
        if name.endswith("_wo_d"):
            continue
        parts = (name, name.removesuffix("_w_d") + "_wo_d") if name.endswith("_w_d") else (name,)
        printed.append((_column(parts, weights), parts))
    return tuple(printed)


def _column(parts: tuple[str, ...], weights: Kept) -> Column:
    if parts[0] in _COST:
        return _COST[parts[0]]
    score, _, group = parts[0].partition(".")
    if score not in _SCORES:
        raise DataError(
            "columns", f"no table knows {parts[0]!r}", f"Scores are {', '.join(_SCORES)}"
        )
    label = _GROUPS.get(group.removesuffix("_w_d"), "")
    if len(parts) == 2:
        label += " w/ / w/o"
    header = " ".join(part for part in (label, _SCORES[score]) if part)
    return Column(header, tuple(stored_name(part, weights) for part in parts))
