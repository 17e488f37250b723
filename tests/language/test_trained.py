"""The text encoder that a network owns: only where a setting trains it, and then all of it."""

from pathlib import Path

import torch

from hcfres.config.setting import SettingConfig
from hcfres.language.roberta import encode, load_text
from hcfres.language.trained import trained_text
from tests.evaluation.small import make_cell

NOWHERE = Path("nowhere")


def setting(text: str) -> SettingConfig:
    return make_cell(text=text).setting


def test_a_frozen_encoder_is_nobodys() -> None:
    assert trained_text(setting("frozen"), NOWHERE) is None


def test_a_trained_encoder_begins_as_the_setting_says_and_can_learn() -> None:
    one, other = (trained_text(setting("trained"), NOWHERE) for _ in range(2))
    stored = load_text(setting("trained").text, NOWHERE).network.state_dict()
    assert all(torch.equal(stored[n], t) for n, t in one.network.state_dict().items())
    assert all(parameter.requires_grad for parameter in one.parameters())
    first, second = next(one.parameters()), next(other.parameters())
    assert first.data_ptr() != second.data_ptr()


def test_in_evaluation_mode_it_computes_what_the_frozen_one_stores() -> None:
    config = setting("trained")
    sentences = ["the red chair next to the table", "a lamp", ""]
    stored = encode(sentences, load_text(config.text, NOWHERE))
    ids, valid = torch.from_numpy(stored.ids), torch.from_numpy(stored.valid)
    encoder = trained_text(config, NOWHERE).eval()
    assert torch.equal(encoder(ids, valid), torch.from_numpy(stored.features))
    padded_otherwise = ids.masked_fill(~valid, 0)
    assert torch.equal(encoder(padded_otherwise, valid), torch.from_numpy(stored.features))
    assert not torch.equal(encoder.train()(ids, valid), torch.from_numpy(stored.features))
