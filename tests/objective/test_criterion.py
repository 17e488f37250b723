from dataclasses import fields, replace

import pytest
import torch

from hcfres.model.build import build_network
from hcfres.objective.criterion import Criterion, Losses
from hcfres.objective.objects import make_objects
from tests.model.tiny import LOSSES, METHODS, SIZE, TEXT_WIDTH, WIDTH, make_batch


def _run(object_ids=((1, 2), (), (0,)), losses=LOSSES, legacy=(), **changes):
    torch.manual_seed(0)
    batch = make_batch(object_ids=object_ids, **changes)
    network = build_network(METHODS["hcf_res"], SIZE, WIDTH, TEXT_WIDTH)
    output = network(batch.scenes, batch.text)
    return network, output, batch, Criterion(losses, legacy)


def test_the_total_weighs_terms_by_the_configuration_and_layers_by_their_depth():
    """Three predictions: weights 1/3, 2/3, 1; the sampling term counts once."""
    _, output, batch, criterion = _run()
    terms, sampling = criterion.terms(output, batch, make_objects(output, batch))
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
