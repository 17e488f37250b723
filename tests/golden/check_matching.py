"""Our matching is the public code's, the mis-indexed masks by name."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hcfres.objective.matching import Match, legacy_object, match
from hcfres.objective.objects import Objects

from .case import EXACT, Case, Finding


def check_matching(case: Case) -> Iterator[Finding]:
    """Pairs, the nearest query of each object, counts, and whose mask each pair is taught."""
    numbers = range(len(case.about["cases"]))
    found = [_match(case, f"case{number}.") for number in numbers]
    pairs, nearest, counts, effective = [], [], [], []
    for number, ours in zip(numbers, found, strict=True):
        name = f"case{number}."
        wanted = torch.zeros_like(ours.pairs[0])
        wanted[tuple(case[name + "pairs"].long().reshape(-1, 2).T)] = True
        pairs.append((ours.pairs[0], wanted))
        nearest.append((ours.nearest[0], case[name + "nearest"]))
        counts.append((ours.counts()[0], case[name + "counts"]))
        targets = case[name + "pairs"].long().reshape(-1, 2)[:, 1]
        looked_up = legacy_object(ours.counts())[0]
        effective.append((looked_up[targets], case[name + "effective_object_legacy"]))
        effective.append((targets, case[name + "effective_object_corrected"]))
    yield case.finding(f"matched pairs of {len(numbers)} cases", pairs, EXACT)
    yield case.finding("nearest query of each object", nearest, EXACT)
    yield case.finding("queries of each object", counts, EXACT)
    yield case.finding("object that each pair is taught", effective, EXACT)


def _match(case: Case, name: str) -> Match:
    labels, positions = case[name + "query_instance_label"].long(), case[name + "query_pos"]
    objects = _objects(case[name + "object_ids"].long(), case[name + "object_pos"])
    nobody = torch.zeros(1, len(labels), dtype=torch.bool)
    return match(positions[None], labels[None], nobody, objects)


def _objects(ids: Tensor, centroids: Tensor) -> Objects:
    count = len(ids)
    return Objects(
        instance_of_superpoint=torch.zeros(1, 1, dtype=torch.long),
        ids=ids[None],
        masks=torch.zeros(1, count, 1, dtype=torch.bool),
        centroids=centroids[None],
        valid=torch.ones(1, count, dtype=torch.bool),
    )
