"""Our objective computes what the public code computes, its defects by name."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hcfres.data.batch import Batch
from hcfres.model.output import NetworkOutput
from hcfres.objective.criterion import Criterion, anchor_match
from hcfres.objective.objects import make_objects

from .batches import batch_of, entropy, output_of
from .case import EXACT, LIMIT, Case, Finding
from .networks import preset

INDEXINGS = {
    "legacy": ("target_indexing", "padded_tokens_in_contrastive"),
    "corrected": ("padded_tokens_in_contrastive",),
}
"""How the files call target masks looked up by the wrong and by the right number, and our names."""
_TERMS = {
    "mask_bce": "mask_bce_loss",
    "mask_dice": "mask_dice_loss",
    "score": "score_loss",
    "indicator": "indi_loss",
    "contrastive": "sem_loss",
}


def criterion_of(family: str, indexing: str) -> Criterion:
    """Our objective with the preset's weights."""
    return Criterion(preset(family).losses, INDEXINGS[indexing])


def check_losses(case: Case, family: str) -> Iterator[Finding]:
    """Pairs, terms and gradients of a file of decoder outputs."""
    output, batch = output_of(case, {}), batch_of(case)
    yield from _pairs(case, output, batch)
    for indexing in INDEXINGS:
        criterion = criterion_of(family, indexing)
        told = case.about[f"loss_{indexing}"]
        yield from term_findings(case, criterion, output, batch, told, f"{indexing} losses")
        yield _gradients(case, criterion, indexing)
    yield from _nothing_meant(case, Criterion(preset(family).losses))


def term_findings(
    case: Case,
    criterion: Criterion,
    output: NetworkOutput,
    batch: Batch,
    told: dict[str, float],
    name: str,
) -> Iterator[Finding]:
    """Every term of every layer, and the total."""
    sums = criterion.sums(output, batch)
    terms, sampling = sums.terms.over(sums.counts.pairs), sums.sampling / sums.counts.expressions
    constant, layers = entropy(output, batch), len(output.layers)
    for ours, theirs in _TERMS.items():
        expected = [told[f"layer_{i}_{theirs}"] for i in range(layers - 1)] + [told[theirs]]
        found = getattr(terms, ours).detach() + (constant if ours == "indicator" else 0)
        yield case.finding(f"{name}, {ours}", [(found, _number(expected))], LIMIT)
    pair = sampling.detach(), _number(told["sample_loss"])
    yield case.finding(f"{name}, sampling", [pair], LIMIT)
    total = criterion(output, batch).total.detach()
    weight = preset(str(case.about["kind"])).losses.indicator
    total = total + weight * constant * (layers + 1) / 2
    yield case.finding(f"{name}, total", [(total, _number(told["loss"]))], LIMIT)


def _number(value: object) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _pairs(case: Case, output: NetworkOutput, batch: Batch) -> Iterator[Finding]:
    """The matched pairs of queries and of seeds."""
    objects = make_objects(output, batch)
    of_query = output.seeds.gather(1, output.selected)
    anchors = {
        "query": (of_query, output.queries_padded),
        "seed": (output.seeds, output.seeds_padded),
    }
    for kind, (superpoint, padded) in anchors.items():
        found = anchor_match(output, objects, superpoint, padded)
        compared = []
        for b, row in enumerate(found.pairs):
            prefix = f"match.{b}.{kind}_"
            if prefix + "pairs" not in case:
                continue
            count = len(case[f"tgt.{b}.object_ids"])
            wanted = torch.zeros_like(row)
            wanted[tuple(case[prefix + "pairs"].long().reshape(-1, 2).T)] = True
            compared += [(row, wanted), (found.counts()[b, :count], case[prefix + "counts"])]
            compared.append((found.nearest[b, :count], case[prefix + "nearest"]))
        yield case.finding(f"matched pairs of each {kind}", compared, EXACT)


def _gradients(case: Case, criterion: Criterion, indexing: str) -> Finding:
    leaves: dict[str, Tensor] = {}
    criterion(output_of(case, leaves), batch_of(case)).total.backward()
    pairs = []
    for name, theirs in case.under(f"grad_{indexing}."):
        gradient = leaves[name if name.startswith("out.") else f"out.{name}"].grad
        pairs.append((torch.zeros_like(theirs) if gradient is None else gradient, theirs))
    return case.finding(f"{indexing} gradients", pairs, LIMIT)


def _nothing_meant(case: Case, criterion: Criterion) -> Iterator[Finding]:
    """Where the public code is not finite, ours is; what of theirs is finite is equal."""
    leaves: dict[str, Tensor] = {}
    losses = criterion(output_of(case, leaves), batch_of(case, with_targets=False))
    losses.total.backward()
    theirs = _number(float(case.about["loss_all_zero_target"]["sample_loss"]))
    yield case.finding("no targets at all, sampling", [(losses.sampling, theirs)], LIMIT)
    values = [losses.total, *(leaf.grad for leaf in leaves.values() if leaf.grad is not None)]
    finite = torch.stack([value.isfinite().all() for value in values])
    pair = finite, torch.ones_like(finite)
    yield case.finding("no targets at all, not finite", [pair], EXACT)
