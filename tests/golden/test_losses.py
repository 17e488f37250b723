"""Our objective computes what the public code computes, its defects by name."""

import math

import pytest
import torch
from torch import Tensor

from hcfres.data.batch import TOKEN_MAPS, Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.model.output import LayerOutput, NetworkOutput
from hcfres.model.superpoints import make_packing
from hcfres.objective.criterion import Criterion, anchor_match
from hcfres.objective.objects import make_objects

from .public import LOSSES, Case, counts_of, read

MAPS = {
    "main": "positive_map",
    "attribute": "modify_positive_map",
    "pronoun": "pron_positive_map",
    "other": "other_entity_map",
    "relation": "rel_positive_map",
}
THEIR_TERMS = {
    "mask_bce": "mask_bce_loss",
    "mask_dice": "mask_dice_loss",
    "score": "score_loss",
    "indicator": "indi_loss",
    "contrastive": "sem_loss",
}
FAMILIES = ("mdin", "ipdn")
LEGACY = ("target_indexing", "padded_tokens_in_contrastive")


def _padded_rows(rows: list[Tensor], longest: int) -> Tensor:
    return torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in rows])


def _batch(case: Case, with_targets: bool = True) -> Batch:
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
    maps = [[case[f"tgt.{b}.{MAPS[kind]}"].flatten() for kind in TOKEN_MAPS] for b in expressions]
    targets = TargetBatch(
        instance_of_superpoint=torch.cat(
            [case[f"tgt.{b}.sp_ins_labels"].long() for b in expressions]
        ),
        object_ids=tuple(ids) if with_targets else ((),) * len(ids),
        relevance=_padded_rows([case[f"tgt.{b}.sp_ref_mask"] for b in expressions], max(counts)),
        token_maps=torch.stack([torch.stack(rows) for rows in maps])[..., : valid.shape[1]],
    )
    text = TextBatch(torch.zeros(*valid.shape, 1), valid, torch.arange(len(counts)))
    return Batch(scenes, text, targets, ())


def _output(case: Case, leaves: dict[str, Tensor]) -> NetworkOutput:
    def tensor(name: str) -> Tensor:
        return leaves.setdefault(name, case[name].clone().requires_grad_())

    count = sum(name.endswith("masks") for name in case.tensors if name.startswith("out.aux"))
    layers = []
    for prefix in [f"out.aux.{i}." for i in range(count)] + ["out."]:
        own = prefix + "proj_tokens"
        layers.append(
            LayerOutput(
                tensor(prefix + "masks"),
                tensor(prefix + "scores").squeeze(-1),
                tensor(prefix + "indis"),
                tensor(prefix + "proj_queries"),
                tensor(own if own in case.tensors else "out.proj_tokens"),
            )
        )
    counts = counts_of(case)
    packing = make_packing(counts, tuple(map(str, range(len(counts)))), torch.device("cpu"))
    seeds, selected = case["in.fps_seed_sp"].long(), case["out.sample_inds"]
    return NetworkOutput(
        layers=tuple(layers),
        relevance=tensor("out.ref_scores"),
        seeds=seeds,
        seeds_padded=torch.zeros_like(seeds, dtype=torch.bool),
        selected=selected,
        queries_padded=torch.zeros_like(selected, dtype=torch.bool),
        centroids=packing.pack(case["in.sp_pos"]),
        padded=packing.padded,
    )


def _entropy(output: NetworkOutput, batch: Batch) -> float:
    """What the public code adds to its indicator loss: log(1 + 1e-6) a query, a constant."""
    objects = make_objects(output, batch)
    superpoint = output.seeds.gather(1, output.selected)
    pairs = anchor_match(output, objects, superpoint, output.queries_padded)
    weights = pairs.matched() * 0.9 + 0.1
    return math.log(1 + 1e-6) * float(weights.double().sum()) / int(pairs.pairs.sum())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("indexing", ["legacy", "corrected"])
def test_every_term_of_every_layer_is_the_public_codes(golden, family, indexing):
    case = read(golden, f"{family}_loss_a")
    legacy = LEGACY if indexing == "legacy" else LEGACY[1:]
    criterion = Criterion(LOSSES[family], legacy)
    output, batch = _output(case, {}), _batch(case)
    terms, sampling = criterion.terms(output, batch, make_objects(output, batch))
    theirs = case.about[f"loss_{indexing}"]
    constant = _entropy(output, batch)
    assert sampling.item() == pytest.approx(theirs["sample_loss"], abs=1e-8)
    layers = len(output.layers)
    for ours, name in THEIR_TERMS.items():
        expected = [theirs[f"layer_{i}_{name}"] for i in range(layers - 1)] + [theirs[name]]
        added = constant if ours == "indicator" else 0
        found = (getattr(terms, ours) + added).tolist()
        assert found == pytest.approx(expected, abs=1e-8), ours
    total = criterion(output, batch).total + 0.1 * constant * (layers + 1) / 2
    assert total.item() == pytest.approx(theirs["loss"], abs=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("indexing", ["legacy", "corrected"])
def test_the_gradient_of_the_total_is_the_public_codes(golden, family, indexing):
    case = read(golden, f"{family}_loss_a")
    legacy = LEGACY if indexing == "legacy" else LEGACY[1:]
    leaves: dict[str, Tensor] = {}
    Criterion(LOSSES[family], legacy)(_output(case, leaves), _batch(case)).total.backward()
    prefix = f"grad_{indexing}."
    theirs = [name.removeprefix(prefix) for name in case.tensors if name.startswith(prefix)]
    assert theirs
    for name in theirs:
        key = name if name.startswith("out.") else f"out.{name}"
        torch.testing.assert_close(leaves[key].grad, case[prefix + name], atol=1e-8, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_where_the_public_code_is_not_finite_ours_is(golden, family):
    case = read(golden, f"{family}_loss_a")
    assert case.about["loss_all_zero_target"]["loss"] == "nan"
    leaves: dict[str, Tensor] = {}
    losses = Criterion(LOSSES[family])(_output(case, leaves), _batch(case, with_targets=False))
    losses.total.backward()
    assert losses.total.isfinite()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves.values())
    theirs = float(case.about["loss_all_zero_target"]["sample_loss"])
    assert losses.sampling.item() == pytest.approx(theirs, abs=1e-8)
