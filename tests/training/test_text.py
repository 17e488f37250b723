"""RoBERTa learnt with the network, frozen in front of it, or frozen with its dropout active."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hcfres
from hcfres.config.cell import CellConfig
from hcfres.data.batch import Batch, TextBatch
from hcfres.evaluation import evaluate
from hcfres.evaluation.answers import SceneTruth
from hcfres.language.roberta import encode, load_text
from hcfres.language.trained import TrainedText
from hcfres.model.network import HcfRes
from hcfres.objective.criterion import Criterion
from hcfres.store.workspace import Workspace
from hcfres.training.cell import Place, Widths, make_network, train, widths_of
from hcfres.training.loop import Report
from hcfres.training.optimizer import make_optimizer, parameters_of, train_mode
from hcfres.training.order import Chunk
from hcfres.training.text_dropout import TextDropout
from tests.evaluation.small import METHOD, SmallRooms, make_cell
from tests.evaluation.test_evaluate import SOURCE

DROPOUT = METHOD.model_copy(update={"legacy": ("text_dropout",)})
NOWHERE = Path("nowhere")
WIDTHS = Widths(5, 128)


@dataclass(frozen=True)
class SpokenRooms:
    """Rooms whose sentences are read by the tiny RoBERTa."""

    rooms: SmallRooms

    @property
    def counts(self) -> dict[str, int]:
        return self.rooms.counts

    def batch(self, chunks: tuple[Chunk, ...], rngs: Sequence[np.random.Generator]) -> Batch:
        return self._read(self.rooms.batch(chunks, rngs))

    @property
    def scene_ids(self) -> tuple[str, ...]:
        return self.rooms.scene_ids

    def truth(self, scene_id: str) -> SceneTruth:
        return self.rooms.truth(scene_id)

    def whole(self, scene_id: str) -> Batch:
        return self._read(self.rooms.whole(scene_id))

    def _read(self, batch: Batch) -> Batch:
        read = encode([e.description for e in batch.expressions], ENCODER)
        features, valid, ids = map(torch.from_numpy, (read.features, read.valid, read.ids))
        text = TextBatch(features, valid, batch.text.scene_of_expression, ids)
        maps = torch.from_numpy(read.token_maps)
        return replace(batch, text=text, targets=replace(batch.targets, token_maps=maps))


TEXT = make_cell().setting.text
ENCODER = load_text(TEXT, NOWHERE)
ROOMS = SpokenRooms(SmallRooms(1, 2, expressions=4))
CELLS = {
    "frozen": make_cell(epochs=2, backbone="frozen"),
    "trained": make_cell(epochs=2, backbone="frozen", text="trained"),
    "dropout": make_cell(DROPOUT, epochs=2, backbone="frozen"),
}


@pytest.fixture
def batch() -> Batch:
    return ROOMS.batch((Chunk("scene0001_00", (0, 1, 2, 3)),), ())


def learn(cell: CellConfig, folder: Path, report: Report = lambda _: None) -> HcfRes:
    return train(cell, ROOMS, Place(folder, folder), report)


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_a_trained_encoder_learns_and_is_kept_with_the_network(tmp_path, batch):
    fresh = make_network(CELLS["trained"], WIDTHS, tmp_path)
    network = learn(CELLS["trained"], tmp_path / "cell")
    before, after = weights(fresh.text_encoder), weights(network.text_encoder)
    assert before.keys() == after.keys()
    assert all(not torch.equal(before[n], after[n]) for n in before if "weight" in n)
    kept = load_file(tmp_path / "cell" / "weights.safetensors")
    assert {n for n in kept if n.startswith("text_encoder.")} == {
        f"text_encoder.{n}" for n in after
    }

    loaded = hcfres.load_method(tmp_path / "cell", Workspace(tmp_path), device="cpu").network
    network.eval()
    with torch.no_grad():
        answers = [one(batch.scenes, batch.text) for one in (network, loaded, fresh.eval())]
    assert torch.equal(answers[0].relevance, answers[1].relevance)
    assert not torch.equal(answers[0].relevance, answers[2].relevance)


def test_a_frozen_encoder_is_no_part_of_the_network(tmp_path, batch):
    network = learn(CELLS["frozen"], tmp_path)
    assert network.text_encoder is None
    assert not any("text_encoder" in name for name in network.state_dict())
    output = network.train()(batch.scenes, batch.text)
    Criterion(METHOD.losses)(output, batch).total.backward()
    assert batch.text.features.grad_fn is None
    assert not batch.text.features.requires_grad


def test_in_evaluation_the_encoder_of_the_network_says_what_is_stored(batch):
    encoder = TrainedText(load_text(TEXT, NOWHERE).network).eval()
    assert torch.equal(encoder(batch.text.ids, batch.text.valid), batch.text.features)
    frozen, trained = (make_network(CELLS[name], WIDTHS, NOWHERE) for name in ("frozen", "trained"))
    trained.load_state_dict(frozen.state_dict(), strict=False)
    with torch.no_grad():
        outputs = [one.eval()(batch.scenes, batch.text) for one in (frozen, trained)]
    assert torch.equal(outputs[0].relevance, outputs[1].relevance)


def test_an_evaluation_in_groups_reads_the_ids_of_its_own_sentences(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "TOGETHER", 3)
    frozen, trained = (make_network(CELLS[name], WIDTHS, NOWHERE) for name in ("frozen", "trained"))
    trained.load_state_dict(frozen.state_dict(), strict=False)
    scores = [
        evaluate.evaluate_cell(network, ROOMS, SOURCE, tmp_path / f"{number}.parquet").flat()
        for number, network in enumerate((frozen, trained))
    ]
    assert scores[0] == scores[1]
    assert "shuffled/all/miou" in scores[0]


def test_every_parameter_of_a_trained_encoder_is_learnt_with_dropout(batch):
    network = make_network(CELLS["trained"], WIDTHS, NOWHERE)
    train_mode(network)
    assert all(module.training for module in network.text_encoder.modules())
    told = [network.text_encoder(batch.text.ids, batch.text.valid) for _ in range(2)]
    assert not torch.equal(told[0], told[1])
    losses = Criterion(METHOD.losses)(network(batch.scenes, batch.text), batch)
    losses.total.backward()
    optimizer = make_optimizer(network, CELLS["trained"].setting.training)
    learnt = {id(parameter) for parameter in parameters_of(optimizer)}
    for name, parameter in network.text_encoder.named_parameters():
        assert id(parameter) in learnt, name
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


def test_a_network_that_owns_its_encoder_needs_token_ids(batch):
    network = make_network(CELLS["trained"], WIDTHS, NOWHERE)
    with pytest.raises(ValueError, match="the batch has no token ids"):
        network(batch.scenes, replace(batch.text, ids=None))


@pytest.mark.parametrize("name", ["trained", "dropout"])
def test_a_cell_killed_after_an_epoch_ends_with_the_same_weights(name, tmp_path):
    class Killed(Exception):
        pass

    def kill(report):
        raise Killed

    whole = learn(CELLS[name], tmp_path / "whole")
    with pytest.raises(Killed):
        learn(CELLS[name], tmp_path / "killed", kill)
    assert same(weights(whole), weights(learn(CELLS[name], tmp_path / "killed")))


def test_legacy_dropout_changes_what_is_learnt_and_adds_no_weights(tmp_path):
    plain, dropped = (
        weights(learn(CELLS[name], tmp_path / name)) for name in ("frozen", "dropout")
    )
    assert plain.keys() == dropped.keys()
    changed = {name.split(".")[0] for name in plain if not torch.equal(plain[name], dropped[name])}
    assert {"text_adapter", "decoder"} <= changed


def test_legacy_dropout_drops_other_units_each_time_and_teaches_the_encoder_nothing(batch):
    encoder = load_text(TEXT, NOWHERE).network
    before = weights(encoder)
    predict = TextDropout(lambda there: there.text.features, encoder, "cpu")
    one, other = predict(batch), predict(batch)
    assert not torch.equal(one, other)
    assert not torch.equal(one, batch.text.features)
    assert not one.requires_grad
    assert not one[~batch.text.valid].any()
    torch.manual_seed(3)
    first = predict(batch)
    torch.manual_seed(3)
    assert torch.equal(first, predict(batch))
    assert same(before, weights(encoder))
    with pytest.raises(ValueError, match="the batch has none"):
        predict(replace(batch, text=replace(batch.text, ids=None)))


def test_the_width_of_the_text_is_the_encoders():
    assert widths_of(ROOMS) == WIDTHS
