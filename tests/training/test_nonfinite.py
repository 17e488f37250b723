"""A step that went wrong can be looked at, and taken again."""

import json
from dataclasses import fields, is_dataclass, replace

import pytest
import torch

from hcfres.data.expression import Entity, Viewpoint
from hcfres.objective.criterion import Criterion
from hcfres.training.cell import Place, Widths, make_network, train
from hcfres.training.checkpoint import read_tensors
from hcfres.training.nonfinite import NonFiniteLossError, read_batch, write_batch
from hcfres.training.optimizer import train_mode
from tests.evaluation.small import METHOD, make_cell
from tests.model.tiny import make_batch, make_scenes
from tests.training.teams import Broken


def assert_same(one, other):
    for field in fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(ours):
            assert_same(ours, theirs)
        elif isinstance(ours, torch.Tensor):
            torch.testing.assert_close(theirs, ours, rtol=0, atol=0, equal_nan=True)
        else:
            assert theirs == ours


@pytest.mark.parametrize("images", [True, False])
def test_a_batch_comes_back_as_it_was(tmp_path, images):
    batch = make_batch()
    if not images:
        bare = {"dense": None, "dense_seen": None, "instance": None, "instance_seen": None}
        batch = replace(batch, scenes=replace(make_scenes(), **bare))
    told = replace(
        batch.expressions[0],
        entities=(Entity(4, 9, (1, 2), "target"),),
        viewpoint=Viewpoint((0.0, 1.0, 2.0), (3.0, 4.0, 5.0)),
    )
    batch = replace(batch, expressions=(told, *batch.expressions[1:]))
    write_batch(tmp_path / "batch.safetensors", batch)
    assert_same(batch, read_batch(tmp_path / "batch.safetensors"))


def test_what_a_batch_is_of_can_be_read_without_this_code(tmp_path):
    batch = make_batch()
    write_batch(tmp_path / "batch.safetensors", batch)
    told = json.loads((tmp_path / "batch.json").read_text())
    assert told["scenes"] == ["scene0000_00", "scene0001_00"]
    assert told["keys"] == [expression.key for expression in batch.expressions]


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A training on three rooms, one of which is broken, and what it said."""
    folder = tmp_path_factory.mktemp("failed")
    cell, rooms = make_cell(backbone="frozen"), Broken(1, 2, 3, broken=3)
    with pytest.raises(NonFiniteLossError) as caught:
        train(cell, rooms, Place(folder, folder), report=lambda _: None)
    return cell, folder, str(caught.value)


def test_the_error_names_the_expressions_and_the_files(failed):
    _, folder, said = failed
    assert said.startswith("epoch 0, step ")
    assert "total nan" in said
    assert "scene0003_00|" in said
    assert str(folder / "nonfinite") in said
    assert "read_batch" in said


def test_the_step_taken_again_goes_wrong_again(failed):
    cell, folder, _ = failed
    (path,) = (folder / "nonfinite").glob("epoch*.safetensors")
    network = make_network(cell, Widths(5, 7), folder)
    network.load_state_dict(read_tensors(folder / "nonfinite" / "network.safetensors")[0])
    train_mode(network)
    batch = read_batch(path)
    output = network(batch.scenes, batch.text)
    assert Criterion(METHOD.losses)(output, batch).total.isnan()


def test_nothing_was_learnt_from_it(failed):
    """Step 0 of three is taken or not; whatever came before, the weights are numbers."""
    _, folder, _ = failed
    weights, _ = read_tensors(folder / "nonfinite" / "network.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    assert not (folder / "checkpoint").exists()
