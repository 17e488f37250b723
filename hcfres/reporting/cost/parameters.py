"""Parameters of each part, beside Table IV's totals."""

from collections.abc import Callable, Sequence

from hcfres.evaluation.cost.parameters import Parameters, total
from hcfres.evaluation.cost.records import CostRecord
from hcfres.reporting.cost.markdown import DASH, millions, table
from hcfres.reporting.cost.paper import Paper

_KINDS = ("learn", "frozen", "dead")
_SAID = """Millions. *Dead* parameters are owned by the public code and have no effect: class heads,
norms whose result is discarded, the pooler of RoBERTa. They are in the paper's totals; our networks
own them only under `legacy = ["dead_heads"]` (decision 69). SAM and CLIP are not counted here."""


def parameters_section(setting: str, records: Sequence[CostRecord], paper: Paper) -> str:
    """Write the section of a setting.

    Args:
        records: at least one; of a method measured on several devices the last counts.
    """
    chosen = list({record.title: record for record in records}.values())
    header = ["part", *(f"{one.title}, {kind}" for one in chosen for kind in _KINDS)]
    names = dict.fromkeys(part for record in chosen for part in record.parts)
    rows = [[name, *_cells(name, chosen)] for name in names]
    rows.append(["**all**", *(cell for one in chosen for cell in _three(total(one.parts)))])
    rows.append(["with the dead", *_wide(chosen, _whole)])
    if any(paper.beside(setting, one.method) for one in chosen):
        rows.append(["paper", *_wide(chosen, lambda one: _printed(one, paper))])
    return f"## Parameters at the sizes of `{setting}`\n\n{_SAID}\n\n{table(header, rows)}"


def _cells(name: str, records: Sequence[CostRecord]) -> list[str]:
    nothing = Parameters(0, 0)
    return [cell for one in records for cell in _three(one.parts.get(name, nothing))]


def _three(counted: Parameters) -> tuple[str, str, str]:
    return millions(counted.trainable), millions(counted.frozen), millions(counted.dead)


def _wide(records: Sequence[CostRecord], write: Callable[[CostRecord], str]) -> list[str]:
    """One cell for each method, under the first of its columns."""
    return [cell for one in records for cell in (write(one), "", "")]


def _whole(record: CostRecord) -> str:
    counted = total(record.parts)
    return f"{(counted.total + counted.dead) / 1e6:.2f}"


def _printed(record: CostRecord, paper: Paper) -> str:
    printed = paper.costs.get(record.method)
    return DASH if printed is None else f"{printed.params_m:.2f}"
