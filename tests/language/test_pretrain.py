"""Pre-training: what is hidden, that stopping changes nothing, and that it learns."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hcfres.config.setting import TextConfig
from hcfres.data.errors import DataError
from hcfres.data.rooms.seeds import EXAMINE, PRETRAIN
from hcfres.language import pretrain
from hcfres.language.corpus import Labelled, sentences, train_tokenizer
from hcfres.language.parsing.rules import parse
from hcfres.language.presets import SPECIAL
from hcfres.language.pretrain import Pupil, hide, schedule, tokenised
from hcfres.language.quality import _probe
from hcfres.language.roberta import (
    encode,
    load_text,
    load_tokenizer,
    padded,
    untrained,
)

TEXTS = [
    Labelled(parse(f"the {colour} {label} is next to the {other}."), label, colour)
    for colour in ("red", "blue", "green")
    for label in ("chair", "lamp", "box")
    for other in ("desk", "bed")
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    train_tokenizer((one.text for one in TEXTS), tmp_path / "tokenizer.json")
    return tmp_path


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    assert schedule(0.0) == 0.0
    assert schedule(0.03) == pytest.approx(0.5)
    assert schedule(0.06) == pytest.approx(1.0)
    assert schedule(0.53) == pytest.approx(0.5)  # half of the way down
    assert schedule(1.0) == pytest.approx(0.0)


def test_a_fifth_of_the_tokens_is_hidden_and_never_an_end(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    corpus = tokenised(TEXTS * 40, tokenizer)
    valid = torch.arange(corpus.ids.shape[1]) < corpus.lengths[:, None]
    shown, wanted = hide(corpus.ids, valid, tokenizer, torch.Generator().manual_seed(0))
    guessed = wanted != -100
    assert torch.equal(wanted[guessed], corpus.ids[guessed])
    assert torch.equal(shown[~guessed], corpus.ids[~guessed])
    assert not guessed[:, 0].any()
    assert not guessed[~valid].any()
    assert guessed.any(dim=1).all()
    inner = valid.sum() - 2 * len(valid)
    assert float(guessed.sum() / inner) == pytest.approx(0.2, abs=0.03)
    hidden = shown[guessed] == tokenizer.mask_token_id
    assert float(hidden.float().mean()) == pytest.approx(0.8, abs=0.04)


def test_roles_are_the_token_maps_of_the_parser(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    corpus = tokenised(TEXTS[:1], tokenizer)
    # <s> the red chair is next to the desk . . not mentioned </s>
    assert corpus.roles[0].tolist() == [0, 0, 2, 1, 0, 5, 5, 0, 4, 0, 0, 0, 0, 0]


def test_the_pupil_depends_on_its_seed_alone() -> None:
    first, same, other = (Pupil(seed, 300).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["roles.weight"], other["roles.weight"])


def test_padded_ids_stand_at_the_start(folder: Path) -> None:
    encoder = load_text(TextConfig(model="tiny", weights="random:0", parser="rules"), folder)
    table, valid = padded([(0, 7, 2), (0, 2)], 4, encoder)
    assert table.tolist() == [[0, 7, 2, 1], [0, 2, 1, 1]]
    assert valid.sum(dim=1).tolist() == [3, 2]


def test_only_rooms_of_the_pretraining_splits_are_read() -> None:
    texts = sentences("pretrain", 1, 0)
    assert texts == sentences("pretrain", 1, 0)
    assert len(texts) > 25
    with pytest.raises(ValueError, match="only the pre-training splits"):
        sentences("val", 1, 0)
    assert not set(PRETRAIN) & set(EXAMINE)


class Stopped(Exception):
    """Somebody pulled the plug."""


def test_a_stopped_run_ends_in_the_same_weights_and_a_finished_one_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain, "_EVERY", 3)
    monkeypatch.setattr(pretrain, "_BATCH", 8)
    losses: list[float] = []

    def told(done: int, steps: int, loss: float) -> None:
        assert steps == 9
        losses.append(loss)

    def pull(done: int, steps: int, loss: float) -> None:
        if done == 6:
            raise Stopped

    quality = pretrain.pretrain_text(tmp_path / "whole", 9, 0, told, rooms=1, examined=1)
    with pytest.raises(Stopped):
        pretrain.pretrain_text(tmp_path / "parts", 9, 0, pull, rooms=1, examined=1)
    assert (tmp_path / "parts" / "checkpoint.pt").is_file()
    assert pretrain.pretrain_text(tmp_path / "parts", 9, 0, rooms=1, examined=1) == quality
    assert len(losses) == 3
    whole, parts = (load_file(tmp_path / p / "model.safetensors") for p in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "card.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert "1 synthetic rooms" in (tmp_path / "parts" / "card.md").read_text()
    encoder = load_text(TextConfig(model="tiny", weights="whole", parser="rules"), tmp_path)
    assert np.isfinite(encode(["the red chair"], encoder).features).all()


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two steps of a training were all."""
    folder = tmp_path_factory.mktemp("ended") / "text"
    pretrain.pretrain_text(folder, 2, 0, rooms=1, examined=1)
    return folder


@pytest.fixture
def done(ended: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(ended, tmp_path / "text"))


def never(*_: object) -> float:
    raise AssertionError("a step was made")


def test_a_training_that_has_ended_is_examined_again_and_not_repeated(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in done.iterdir()}
    (done / "card.md").write_bytes(before["card.md"].replace(b"| 0.", b"| 9."))
    monkeypatch.setattr(pretrain, "_step", never)
    pretrain.pretrain_text(done, 2, 0, rooms=1, examined=1)
    assert {path.name: path.read_bytes() for path in done.iterdir()} == before


def test_a_training_that_is_killed_while_it_is_examined_is_not_repeated(
    tmp_path: Path, ended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(pretrain, "measure", pulled)
        pretrain.pretrain_text(tmp_path, 2, 0, rooms=1, examined=1)
    assert (tmp_path / "checkpoint.pt").is_file()
    monkeypatch.setattr(pretrain, "_step", never)
    pretrain.pretrain_text(tmp_path, 2, 0, rooms=1, examined=1)
    for path in ended.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def pulled(*_: object) -> None:
    raise Stopped


@pytest.mark.parametrize(("steps", "seed"), [(3, 0), (2, 1)])
def test_weights_of_another_training_are_not_overwritten(done: Path, steps: int, seed: int) -> None:
    before = (done / "model.safetensors").read_bytes()
    reason = f"of another training than that of steps {steps}, seed {seed}, rooms 1"
    with pytest.raises(DataError, match=rf"card.md: .* {reason}. Remove the folder to train anew"):
        pretrain.pretrain_text(done, steps, seed, rooms=1, examined=1)
    assert (done / "model.safetensors").read_bytes() == before


def test_the_checkpoint_of_another_training_is_refused_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain, "measure", pulled)
    with pytest.raises(Stopped):
        pretrain.pretrain_text(tmp_path, 1, 0, rooms=1, examined=1)
    reason = "belongs to a training of steps 1, seed 0, rooms 1, and this is of steps 2, "
    with pytest.raises(DataError, match=rf"checkpoint.pt: {reason}"):
        pretrain.pretrain_text(tmp_path, 2, 0, rooms=1, examined=1)
    assert (tmp_path / "checkpoint.pt").is_file()


@pytest.mark.parametrize("damage", ["cut", "empty", "no zip", "code", "a list"])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path, whole = tmp_path / "checkpoint.pt", io.BytesIO()
    torch.save({"identity": {"steps": 1}, "step": 1, "pupil": torch.ones(99)}, whole)
    other = io.BytesIO()
    torch.save([1, 2] if damage == "a list" else {"identity": Path("/")}, other)
    content = {"cut": whole.getvalue()[:700], "empty": b"", "no zip": b"no checkpoint at all"}
    path.write_bytes(content.get(damage, other.getvalue()))
    with pytest.raises(DataError, match=r"checkpoint\.pt: damaged, .*\. Remove it to train anew"):
        pretrain.pretrain_text(tmp_path, 1, 0, rooms=1, examined=1)


def test_damaged_weights_are_refused_by_their_folder(done: Path) -> None:
    path = done / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"text: not a readable RoBERTa .* Remove the folder"):
        pretrain.pretrain_text(done, 2, 0, rooms=1, examined=1)


def test_a_few_steps_lower_the_loss(folder: Path) -> None:
    corpus = tokenised(TEXTS, load_tokenizer(folder / "tokenizer.json"))
    pupil, losses = Pupil(0, len(corpus.tokenizer)), []
    pretrain._train(
        pupil, corpus, folder, {"steps": 40, "seed": 0}, lambda *told: losses.append(told[2])
    )
    start = Pupil(0, len(corpus.tokenizer))
    optimiser = torch.optim.AdamW(start.parameters(), lr=1e-9)
    first = pretrain._step(start, optimiser, corpus, 0, {"steps": 40, "seed": 0})
    last = pretrain._step(pupil, optimiser, corpus, 39, {"steps": 40, "seed": 0})
    assert last < 0.7 * first


def test_an_untrained_network_has_the_shape_of_the_trained_one() -> None:
    assert untrained(0, 400).config.vocab_size == 400
    assert SPECIAL[1] == "<pad>"


def test_the_shipped_weights_tell_what_is_asked_for_in_rooms_never_read_of() -> None:
    shipped = load_text(
        TextConfig(model="tiny", weights="package:roberta_tiny", parser="rules"), Path("nowhere")
    )
    read, examined = sentences("pretrain", 8, 1), sentences("examine", 2, 1)
    assert _probe(shipped, read, examined, "label") > 0.85
    blank = replace(shipped, network=untrained(0, len(shipped.tokenizer)).eval())
    assert _probe(blank, read, examined, "label") < 0.8
