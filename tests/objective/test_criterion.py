from dataclasses import fields, replace

import pytest
import torch

from hcfres.model.build import build_network
from hcfres.objective.criterion import Criterion, Losses, anchor_match
from hcfres.objective.objects import make_objects
from hcfres.objective.sums import Counts, LayerTerms
from tests.model.tiny import LOSSES, METHODS, SIZE, TEXT_WIDTH, WIDTH, make_batch


def _run(object_ids=((1, 2), (), (0,)), losses=LOSSES, legacy=(), **changes):
    torch.manual_seed(0)
    batch = make_batch(object_ids=object_ids, **changes)
    network = build_network(METHODS["hcf_res"], SIZE, WIDTH, TEXT_WIDTH)
    output = network(batch.scenes, batch.text)
    return network, output, batch, Criterion(losses, legacy)


def _count(output, batch) -> int:
    """Matched pairs."""
    anchors = output.seeds.gather(1, output.selected)
    objects = make_objects(output, batch)
    return int(anchor_match(output, objects, anchors, output.queries_padded).pairs.sum())


def test_the_total_weighs_terms_by_the_configuration_and_layers_by_their_depth():
    """Three predictions: weights 1/3, 2/3, 1; the sampling term counts once."""
    _, output, batch, criterion = _run()
    sums = criterion.sums(output, batch)
    pairs, expressions = _count(output, batch), len(batch.expressions)
    terms = LayerTerms(*(getattr(sums.terms, f.name) / pairs for f in fields(LayerTerms)))
    sampling = sums.sampling / expressions
    expected = LOSSES.sampling * sampling
    for layer, depth in enumerate((1 / 3, 2 / 3, 1)):
        for field in fields(terms):
            value = getattr(terms, field.name)[layer]
            expected = expected + depth * getattr(LOSSES, field.name) * value
    losses = criterion(output, batch)
    torch.testing.assert_close(losses.total, expected)
    assert losses.mask_bce == terms.mask_bce[-1]
    assert losses.sampling == sampling


def test_only_the_total_carries_a_gradient():
    _, output, batch, criterion = _run()
    losses = criterion(output, batch)
    carrying = [f.name for f in fields(Losses) if getattr(losses, f.name).requires_grad]
    assert carrying == ["total"]


def test_a_batch_with_only_zero_target_expressions_is_finite():
    network, output, batch, criterion = _run(object_ids=((), (), ()))
    losses = criterion(output, batch)
    losses.total.backward()
    assert all(getattr(losses, field.name).isfinite() for field in fields(losses))
    assert losses.mask_bce == losses.mask_dice == losses.score == 0
    assert losses.indicator > 0
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_target_that_owns_no_superpoint_is_left_out():
    _, output, batch, criterion = _run(object_ids=((1, 99), (), (0,)))
    without = replace(batch, targets=replace(batch.targets, object_ids=((1,), (), (0,))))
    one, other = criterion(output, batch), criterion(output, without)
    torch.testing.assert_close(one.total, other.total)


@pytest.mark.parametrize("name", ["target_indexing", "padded_tokens_in_contrastive"])
def test_each_legacy_name_changes_its_own_term_only(name):
    _, output, batch, ours = _run()
    theirs = Criterion(LOSSES, (name,))(output, batch)
    right = ours(output, batch)
    changed = {
        field.name
        for field in fields(Losses)
        if not torch.isclose(getattr(right, field.name), getattr(theirs, field.name))
    }
    if name == "target_indexing":
        assert {"total", "mask_bce", "mask_dice"} <= changed <= {
            "total", "mask_bce", "mask_dice", "score",
        }  # fmt: skip
    else:
        assert changed == {"total", "contrastive"}


def test_small_scenes_with_padded_queries_are_learned_from():
    network, output, batch, criterion = _run(
        counts=(4, 14), scene_of_expression=(0, 1, 1), object_ids=((1, 2), (), (0,))
    )
    assert output.queries_padded.any()
    criterion(output, batch).total.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def _parts():
    """Two halves of a step whose pairs and expressions differ in number, and the whole."""
    torch.manual_seed(0)
    network = build_network(METHODS["hcf_res"], SIZE, WIDTH, TEXT_WIDTH).eval()
    whole = make_batch(counts=(20, 20), scene_of_expression=(0, 0, 1))
    network.freeze_backbone()
    geometry = network.encoder.geometry(whole.scenes)
    halves = [_half(whole, scene, rows) for scene, rows in ((0, [0, 1]), (1, [2]))]
    outputs = [
        network(half.scenes, half.text, geometry[20 * i : 20 * i + 20])
        for i, half in enumerate(halves)
    ]
    return network, halves, outputs, (whole, network(whole.scenes, whole.text, geometry))


def _half(whole, scene, rows):
    """One scene of a batch of two with equally many superpoints, and its expressions."""
    scenes, text, targets = whole.scenes, whole.text, whole.targets
    points, superpoints = scenes.scene_of_point == scene, slice(20 * scene, 20 * scene + 20)
    of_points = ("coordinates", "voxels", "features")
    of_superpoints = ("dense", "dense_seen", "instance", "instance_seen")
    chosen = {name: getattr(scenes, name)[points] for name in of_points}
    chosen |= {name: getattr(scenes, name)[superpoints] for name in of_superpoints}
    return replace(
        whole,
        scenes=replace(
            scenes,
            scene_ids=(scenes.scene_ids[scene],),
            scene_of_point=scenes.scene_of_point[points] - scene,
            superpoint_of_point=scenes.superpoint_of_point[points] - 20 * scene,
            superpoint_counts=(20,),
            **chosen,
        ),
        text=replace(
            text,
            features=text.features[rows],
            valid=text.valid[rows],
            scene_of_expression=text.scene_of_expression[rows] - scene,
        ),
        targets=replace(
            targets,
            instance_of_superpoint=targets.instance_of_superpoint[superpoints],
            object_ids=tuple(targets.object_ids[row] for row in rows),
            relevance=targets.relevance[rows],
            token_maps=targets.token_maps[rows],
        ),
        expressions=tuple(whole.expressions[row] for row in rows),
    )


def test_the_shares_of_a_steps_batches_add_up_to_the_losses_of_the_whole():
    _, halves, outputs, (whole, output) = _parts()
    criterion = Criterion(LOSSES)
    sums = [criterion.sums(o, half) for o, half in zip(outputs, halves, strict=True)]
    counts = Counts(
        sums[0].counts.pairs + sums[1].counts.pairs,
        sums[0].counts.expressions + sums[1].counts.expressions,
    )
    shares = [criterion.losses(part, counts) for part in sums]
    expected = criterion(output, whole)
    assert (int(counts.pairs), int(counts.expressions)) == (_count(output, whole), 3)
    assert sums[0].counts.pairs != sums[1].counts.pairs
    for field in fields(Losses):
        added = sum(getattr(share, field.name) for share in shares)
        torch.testing.assert_close(added, getattr(expected, field.name), rtol=1e-6, atol=1e-6)


def test_the_undivided_parts_divided_are_the_total():
    _, output, batch, criterion = _run()
    sums = criterion.sums(output, batch)
    by_pairs, by_expressions = criterion.undivided(sums)
    total = by_pairs / sums.counts.pairs + by_expressions / sums.counts.expressions
    torch.testing.assert_close(criterion(output, batch).total, total)


def test_outputs_of_half_precision_are_judged_in_fp32():
    _, output, batch, criterion = _run()
    layers = tuple(
        replace(layer, **{f.name: getattr(layer, f.name).bfloat16() for f in fields(layer)})
        for layer in output.layers
    )
    half = replace(output, layers=layers, relevance=output.relevance.bfloat16())
    losses = criterion(half, batch)
    assert {getattr(losses, field.name).dtype for field in fields(losses)} == {torch.float32}
    torch.testing.assert_close(losses.total, criterion(output, batch).total, rtol=0.02, atol=0)
