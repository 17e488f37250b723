"""A golden file's targets as a batch of ours, and its decoder outputs as a network's."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from hcfres.data.batch import TOKEN_MAPS, Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.model.output import LayerOutput, NetworkOutput
from hcfres.model.superpoints import make_packing
from hcfres.objective.criterion import anchor_match
from hcfres.objective.objects import make_objects

from .case import Case
from .networks import counts_of

_MAPS = {
    "main": "positive_map",
    "attribute": "modify_positive_map",
    "pronoun": "pron_positive_map",
    "other": "other_entity_map",
    "relation": "rel_positive_map",
}


def batch_of(case: Case, with_targets: bool = True) -> Batch:
    """The file's targets, one scene an expression; without targets every expression means none."""
    counts = counts_of(case)
    expressions = range(len(counts))
    valid = case["in.lang_masks"].bool()
    total = sum(counts)
    scenes = SceneBatch(
        scene_ids=tuple(map(str, expressions)),
        coordinates=torch.zeros(total, 3),
        voxels=torch.zeros(total, 3, dtype=torch.long),
        features=torch.zeros(total, 6),
        scene_of_point=torch.zeros(total, dtype=torch.long),
        superpoint_of_point=torch.arange(total),
        superpoint_counts=counts,
        dense=None,
        dense_seen=None,
        instance=None,
        instance_seen=None,
    )
    ids = [tuple(case[f"tgt.{b}.object_ids"].long().tolist()) for b in expressions]
    maps = [[case[f"tgt.{b}.{_MAPS[kind]}"].flatten() for kind in TOKEN_MAPS] for b in expressions]
    owners = [case[f"tgt.{b}.sp_ins_labels"].long() for b in expressions]
    relevance = [case[f"tgt.{b}.sp_ref_mask"] for b in expressions]
    targets = TargetBatch(
        instance_of_superpoint=torch.cat(owners),
        object_ids=tuple(ids) if with_targets else ((),) * len(ids),
        relevance=torch.stack([F.pad(row, (0, max(counts) - len(row))) for row in relevance]),
        token_maps=torch.stack([torch.stack(rows) for rows in maps])[..., : valid.shape[1]],
    )
    text = TextBatch(torch.zeros(*valid.shape, 1), valid, torch.arange(len(counts)))
    return Batch(scenes, text, targets, ())


def layer_prefixes(case: Case) -> list[str]:
    """How the names of each layer's outputs begin, the last layer's last."""
    count = sum(name.startswith("out.aux") and name.endswith("masks") for name in case.tensors)
    return [f"out.aux.{i}." for i in range(count)] + ["out."]


def output_of(case: Case, leaves: dict[str, Tensor]) -> NetworkOutput:
    """The file's decoder outputs; `leaves` gets each tensor, to ask for its gradient."""

    def tensor(name: str) -> Tensor:
        return leaves.setdefault(name, case[name].clone().requires_grad_())

    layers = tuple(
        LayerOutput(
            tensor(prefix + "masks"),
            tensor(prefix + "scores").squeeze(-1),
            tensor(prefix + "indis"),
            tensor(prefix + "proj_queries"),
            tensor(prefix + "proj_tokens" if prefix + "proj_tokens" in case else "out.proj_tokens"),
        )
        for prefix in layer_prefixes(case)
    )
    counts = counts_of(case)
    packing = make_packing(counts, tuple(map(str, range(len(counts)))), torch.device("cpu"))
    seeds, selected = case["in.fps_seed_sp"].long(), case["out.sample_inds"]
    return NetworkOutput(
        layers=layers,
        relevance=tensor("out.ref_scores"),
        seeds=seeds,
        seeds_padded=torch.zeros_like(seeds, dtype=torch.bool),
        selected=selected,
        queries_padded=torch.zeros_like(selected, dtype=torch.bool),
        centroids=packing.pack(case["in.sp_pos"]),
        padded=packing.padded,
    )


def entropy(output: NetworkOutput, batch: Batch) -> float:
    """What the public code adds to its indicator loss: log(1 + 1e-6) a query, a constant."""
    superpoint = output.seeds.gather(1, output.selected)
    pairs = anchor_match(output, make_objects(output, batch), superpoint, output.queries_padded)
    weights = pairs.matched() * 0.9 + 0.1
    return math.log(1 + 1e-6) * float(weights.double().sum()) / int(pairs.pairs.sum())
