"""Every method of the tables, and the full one with one named value changed."""

from dataclasses import replace

import pytest
import torch

from hcfres.model.build import build_network
from hcfres.model.encoder import gather_rows
from hcfres.model.sharing import SharedScenes, Sharing
from hcfres.objective.criterion import Criterion

from .tiny import METHODS, SIZE, TEXT_WIDTH, VARIANTS, WIDTH, make_batch, make_scenes, make_text

ALL = METHODS | VARIANTS


def _network(method="hcf_res"):
    torch.manual_seed(0)
    return build_network(ALL[method], SIZE, WIDTH, TEXT_WIDTH).eval()


@pytest.mark.parametrize("method", ALL)
def test_every_row_and_variant_has_finite_losses_and_gradients(method):
    network, batch = _network(method).train(), make_batch()
    losses = Criterion(ALL[method].losses)(network(batch.scenes, batch.text), batch)
    losses.total.backward()
    assert losses.total.isfinite()
    gradients = [value.grad for value in network.parameters() if value.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("method", ALL)
def test_a_scene_of_which_nothing_was_seen_is_answered_and_taught(method):
    """No frame looked at the second scene: its 2D features are zero and marked unseen."""
    batch = make_batch()
    scenes, unseen = batch.scenes, torch.arange(34) >= 20
    empty = {
        "dense": scenes.dense.masked_fill(unseen[:, None], 0),
        "instance": scenes.instance.masked_fill(unseen[:, None], 0),
        "dense_seen": scenes.dense_seen & ~unseen,
        "instance_seen": scenes.instance_seen & ~unseen,
    }
    network = _network(method).train()
    output = network(replace(scenes, **empty), batch.text)
    total = Criterion(ALL[method].losses)(output, batch).total
    total.backward()
    assert total.isfinite()
    assert all(v.grad.isfinite().all() for v in network.parameters() if v.grad is not None)


@pytest.mark.parametrize("method", METHODS)
def test_sentences_about_a_scene_without_objects_are_taught_that_nothing_is_meant(method):
    """Nobody annotated the scene: no superpoint has an owner, and a target is none to learn."""
    batch = make_batch(object_ids=((), (), (5,)))
    owners = torch.full_like(batch.targets.instance_of_superpoint, -1)
    targets = replace(batch.targets, instance_of_superpoint=owners)
    network = _network(method).train()
    output = network(batch.scenes, batch.text)
    losses = Criterion(ALL[method].losses)(output, replace(batch, targets=targets))
    losses.total.backward()
    assert losses.mask_bce == losses.mask_dice == losses.score == 0
    assert losses.indicator > 0
    assert all(v.grad.isfinite().all() for v in network.parameters() if v.grad is not None)


def test_the_gates_weights_are_there_for_every_superpoint():
    """w_2D and w_3D of Eq. 6, to be looked at; 0 at the six padded places of the second scene."""
    gate = _network().encode(make_scenes()).gate
    assert gate.shape == (2, 20, 2, 1)
    assert ((gate > 0) & (gate < 1)).flatten(1).sum(1).tolist() == [40, 28]
    torch.testing.assert_close(gate.sum(2).sum(1).flatten(), torch.tensor([20.0, 14.0]))
    assert _network("channel").encode(make_scenes()).gate.shape == (2, 20, 2, SIZE.dim)
    assert _network("ipdn").encode(make_scenes()).gate is None
    assert _network("mdin").encode(make_scenes()).gate is None


def test_masks_may_be_read_from_the_unified_features():
    """Decision 23: by default nothing of the images enters them."""
    scenes = make_scenes()
    other = replace(scenes, dense=scenes.dense + 1, instance=scenes.instance - 1)
    for method, changes in (("hcf_res", False), ("unified_masks", True)):
        network = _network(method)
        masks, changed = (network.encode(given).mask_features for given in (scenes, other))
        assert torch.equal(masks, changed) != changes


def test_the_refinement_may_look_at_the_scene_first():
    network, text = _network("context_and_instance"), make_text()
    encoding = network.encode(make_scenes())
    asked, inputs = network.refinement, []
    asked.register_forward_hook(lambda _, given, __: inputs.append(given[0]))
    network.decode(encoding, text)
    scene = text.scene_of_expression
    sharing = Sharing.among(scene, 2)
    context = network.context
    chosen = network.decode(encoding, text).selected
    queries = gather_rows(encoding.seed_queries[scene], chosen)
    looked = SharedScenes(encoding.unified, encoding.padded, sharing).attend(context.attn, queries)
    torch.testing.assert_close(inputs[0], context.norm(queries + looked))
