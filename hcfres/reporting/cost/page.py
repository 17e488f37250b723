"""The page as a whole: definitions, parameters, a section for each setting and device, decoders."""

from collections.abc import Iterable
from itertools import groupby

from hcfres.evaluation.cost.definitions import COLD, DEFINITIONS, PARTS, WARM
from hcfres.evaluation.cost.records import CostRecord, DecoderRecord
from hcfres.reporting.cost.decoders import decoders_section
from hcfres.reporting.cost.paper import Paper
from hcfres.reporting.cost.parameters import parameters_section
from hcfres.reporting.cost.times import times_section

GPU_COMMANDS = (
    "hcfres cost ipdn hcf_res --setting scannet --device cuda --write",
    "python benchmarks/decoders.py --device cuda --write",
)
"""What fills the page's GPU tables in."""

_OPENING = """# Cost (Table IV)

Generated from the measurements in `reports/cost/` by `hcfres cost --write`; not to be edited.
Times published for this task do not compare: the paper gives 523 ms and 535 ms on one RTX 4090
without saying from where to where, for how many sentences, or of which scene. Ours carry their
definition:
"""


def render(records: Iterable[CostRecord], decoders: Iterable[DecoderRecord], paper: Paper) -> str:
    """Write the page."""
    order = list(paper.costs)

    def place(record: CostRecord) -> tuple[str, str, int, str]:
        method = record.method
        first = order.index(method) if method in order else len(order)
        return record.setting, record.rig.device, first, method

    ordered = sorted(records, key=place)
    compared = sorted(decoders, key=lambda record: (record.rig.device, record.title))
    parts = [_OPENING + _definitions()]
    for setting, group in groupby(ordered, key=lambda record: record.setting):
        parts.append(parameters_section(setting, tuple(group), paper))
    for (setting, _), group in groupby(ordered, key=lambda r: (r.setting, r.rig.device)):
        parts.append(times_section(setting, tuple(group), paper))
    if compared:
        parts.append(decoders_section(compared))
    rigs = [record.rig for record in ordered] + [record.rig for record in compared]
    if all(rig.device != "cuda" for rig in rigs):
        parts.append(_no_gpu())
    return "\n\n".join(parts) + "\n"


def _definitions() -> str:
    lines = [f"* **{one.name}**: {one.sentence}." for one in DEFINITIONS]
    lines += [f"* **cold**: {COLD}. **warm**: {WARM}, each a scene that was not the one before."]
    said = "; ".join(f"*{part}*: {what}" for part, what in PARTS.items())
    return "\n".join(lines) + f"\n\nThe parts of a pass: {said}."


def _no_gpu() -> str:
    commands = "\n".join(GPU_COMMANDS)
    return f"""## On a GPU

No GPU was at hand: nothing here was measured on one. The code runs there as it is (it waits for
the device before it reads the clock, and reads the device's own peak of memory); this adds the
tables:

```
{commands}
```"""
