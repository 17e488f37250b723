from pathlib import Path

import numpy as np
import pytest

from hcfres.config.loading import ConfigError
from hcfres.config.setting import SettingConfig
from hcfres.language.roberta import encode, load_text
from hcfres.pipeline import text
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.text import text_job
from tests.pipeline.toys import toy_expression

SENTENCES = (
    toy_expression((3,), "the chair next to the table"),
    toy_expression((), "the red sofa"),
)


def test_the_sentences_are_encoded_in_their_order(
    smoke: SettingConfig, preparation: Preparation
) -> None:
    found = text_job("scene0000_00", SENTENCES, smoke.text, preparation).value()
    encoder = load_text(smoke.text, preparation.machine.weights)
    expected = encode([sentence.description for sentence in SENTENCES], encoder)
    np.testing.assert_array_equal(found.features, expected.features)
    np.testing.assert_array_equal(found.valid, expected.valid)
    np.testing.assert_array_equal(found.token_maps, expected.token_maps)


def test_the_key_is_of_the_words_their_order_and_the_encoder(
    smoke: SettingConfig, preparation: Preparation
) -> None:
    def key(sentences=SENTENCES, encoder=smoke.text) -> str:
        return text_job("scene0000_00", sentences, encoder, preparation).key

    other = smoke.text.model_copy(update={"weights": "random:1"})
    keys = [key(), key(SENTENCES[::-1]), key(SENTENCES[:1]), key(encoder=other), key(())]
    assert len(set(keys)) == len(keys)
    renamed = (toy_expression((5,), SENTENCES[0].description), SENTENCES[1])
    assert key(renamed) == key()


def test_an_untrained_encoder_is_known_by_its_tokenizer_too(
    tmp_path: Path, smoke: SettingConfig, preparation: Preparation, monkeypatch
) -> None:
    before = text_job("x", SENTENCES, smoke.text, preparation).key
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    monkeypatch.setattr(text, "TINY_TOKENIZER", tokenizer)
    assert text_job("x", SENTENCES, smoke.text, preparation).key != before


def test_the_parser_is_part_of_the_key_and_one_that_is_missing_is_refused(
    smoke: SettingConfig, preparation: Preparation, monkeypatch
) -> None:
    def key(parser: str) -> str:
        told = smoke.text.model_copy(update={"parser": parser})
        return text_job("x", SENTENCES, told, preparation).key

    monkeypatch.setattr(text, "parser_identity", lambda name, weights: f"{name}, edition 1")
    keys = {key("rules"), key("spacy:one"), key("spacy:two")}
    monkeypatch.undo()
    assert len(keys | {key("rules")}) == 4
    with pytest.raises(ConfigError, match="no parser is called 'rulez'"):
        key("rulez")
