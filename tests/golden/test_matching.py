"""Our matching is the public code's, the mis-indexed masks by name."""

import torch

from hcfres.objective.matching import legacy_object, match
from hcfres.objective.objects import Objects

from .public import read


def _objects(ids, centroids):
    count = len(ids)
    return Objects(
        instance_of_superpoint=torch.zeros(1, 1, dtype=torch.long),
        ids=ids[None],
        masks=torch.zeros(1, count, 1, dtype=torch.bool),
        centroids=centroids[None],
        valid=torch.ones(1, count, dtype=torch.bool),
    )


def test_pairs_nearest_and_effective_objects_are_the_public_codes(golden):
    case = read(golden, "matching_a")
    for number in case.cases():
        name = f"case{number}."
        labels, positions = case[name + "query_instance_label"].long(), case[name + "query_pos"]
        objects = _objects(case[name + "object_ids"].long(), case[name + "object_pos"])
        nobody = torch.zeros(1, len(labels), dtype=torch.bool)
        found = match(positions[None], labels[None], nobody, objects)
        assert found.nearest[0].tolist() == case[name + "nearest"].tolist()
        pairs = case[name + "pairs"].tolist()
        assert sorted(found.pairs[0].nonzero().tolist()) == sorted(pairs)
        assert found.counts()[0].tolist() == case[name + "counts"].tolist()
        looked_up = legacy_object(found.counts())[0]
        effective = [int(looked_up[target]) for _, target in pairs]
        assert effective == case[name + "effective_object_legacy"].tolist()
