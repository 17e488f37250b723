"""Our decoders against loops over expressions and queries."""

from collections.abc import Sequence

from hcfres.evaluation.cost.records import DecoderRecord
from hcfres.reporting.cost.markdown import duration, table

_SAID = """`benchmarks/decoders.py` times ours in turns with a plain version of what the public code
does: a scene's features repeated for each expression, rows padded and masks of nearest neighbours
filled in loops over expressions and queries, attention that keeps its logits, a prompt for every
query, zero or not. Weights are shared and the predictions are equal (a test, forward and backward).
From F_3d, F_2d and RoBERTa's tokens to the predictions of all layers; one scene."""


def decoders_section(records: Sequence[DecoderRecord]) -> str:
    """Write the section."""
    return "\n\n".join(["## Decoders against loops", _SAID, *map(_one, records)])


def _one(record: DecoderRecord) -> str:
    loops = record.ways[0]
    rows = [
        [
            way.name,
            duration(way.forward_ms),
            f"{loops.forward_ms / way.forward_ms:.2f}",
            duration(way.both_ms),
            f"{loops.both_ms / way.both_ms:.2f}",
        ]
        for way in record.ways
    ]
    operations = ", ".join(
        f"`{one.name}` {one.share:.0%} ({one.calls} calls)".replace("%", " %")
        for one in record.profile
    )
    header = ["way", "forward", "loops by this", "with backward", "loops by this"]
    busy = f"; other work ran (load {record.rig.load:.1f})" if record.rig.busy else ""
    return (
        f"### {record.title} on {record.rig.name}\n\n{record.seeds} seeds, {record.queries} "
        f"queries, {record.superpoints:,} superpoints, {record.expressions} expressions of "
        f"{record.tokens} tokens; medians of {record.repeats}; {record.rig.said}{busy}.\n\n"
        f"{table(header, rows)}\n\nForward, ours spends its time in {operations}."
    )
