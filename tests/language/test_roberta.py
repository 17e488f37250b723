"""The frozen text encoder: from local files, cut to its bound, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import RobertaConfig, RobertaModel

from hcfres.config.loading import ConfigError
from hcfres.config.setting import TextConfig
from hcfres.data.errors import DataError
from hcfres.data.features import TextFeatures
from hcfres.language.parsing.rules import parse
from hcfres.language.presets import MOST_TOKENS, SPECIAL, tiny_config
from hcfres.language.roberta import TextEncoder, encode, load_text, tokenize

SENTENCES = ["the two gray chairs beside the trash can.", "a lamp", "WHERE is ünïcode? 漢字"]
UNTRAINED = TextConfig(model="tiny", weights="random:3", parser="rules")


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_text(UNTRAINED, Path("nowhere"))


def test_untrained_weights_depend_on_their_seed_alone(encoder: TextEncoder) -> None:
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    again = load_text(UNTRAINED, Path("nowhere"))
    other = load_text(TextConfig(model="tiny", weights="random:4", parser="rules"), Path("nowhere"))
    assert torch.equal(torch.random.get_rng_state(), before)
    first, same, different = (encode(SENTENCES, one) for one in (encoder, again, other))
    assert np.array_equal(first.features, same.features)
    assert not np.allclose(first.features, different.features)


def test_the_encoder_is_frozen_and_has_no_dropout(encoder: TextEncoder) -> None:
    assert not encoder.network.training
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())
    assert encoder.width == 128


def test_features_are_zero_at_padding_and_do_not_depend_on_it(encoder: TextEncoder) -> None:
    together = encode(SENTENCES, encoder)
    assert together.features.dtype == np.float32
    assert not together.features[~together.valid].any()
    for row, sentence in enumerate(SENTENCES):
        alone = encode([sentence], encoder)
        length = alone.features.shape[1]
        assert together.valid[row].sum() == length
        assert np.allclose(together.features[row, :length], alone.features[0], atol=1e-5)
        assert np.array_equal(together.token_maps[row, :, :length], alone.token_maps[0])


def test_more_sentences_than_a_batch_give_what_each_gives(encoder: TextEncoder) -> None:
    many = [f"the chair number {number}" for number in range(70)]
    features = encode(many, encoder).features
    assert features.shape[0] == 70
    one = encode([many[69]], encoder).features[0]
    assert np.allclose(features[69, : len(one)], one, atol=1e-5)


def test_no_sentence_gives_no_features(encoder: TextEncoder) -> None:
    assert encode([], encoder).features.shape == (0, 0, 128)


def test_every_sentence_ends_in_the_anchor(encoder: TextEncoder) -> None:
    for sentence in [*SENTENCES, "", "word " * 900]:
        tokens = tokenize(parse(sentence), encoder)
        pieces = encoder.tokenizer.convert_ids_to_tokens(list(tokens.ids))
        assert pieces[0] == "<s>"
        assert pieces[-4:] == ["Ġ.", "Ġnot", "Ġmentioned", "</s>"]


def test_tokens_know_their_characters(encoder: TextEncoder) -> None:
    tokens = tokenize(parse("the two gray chairs"), encoder)
    text = tokens.graph.utterance + " . not mentioned"
    told = [text[start:end].strip() for start, end in tokens.offsets]
    assert told == ["", "the", "two", "gray", "chairs", ".", "not", "mentioned", ""]


ODD = {
    "nothing": "",
    "white space": " \t\n\u2003 ",
    "punctuation": "?!... ,;:-- ()[]{}",
    "no noun": "it is there and it is red",
    "NUL": "the red\0chair\0",
    "half a character": "the \ud800 chair \udfff",
    "emoji": "the 🪑🪑 next to 👩‍👩‍👧",
    "scripts": "椅子 рядом с столом κάθισμα كرسي the chair",
    "right to left": "\u202eriahc der eht\u202c",
    "accents": "c" + "\u0327\u0301" * 200,
    "one word": "x" * 20_000,
    "ten thousand words": "chair next to the table , " * 1_700,
}


@pytest.mark.parametrize("name", ODD)
def test_no_sentence_however_odd_stops_a_run(name: str, encoder: TextEncoder) -> None:
    check(encode([ODD[name], "a lamp"], encoder), encoder)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_string_has_features_and_maps(text: str, encoder: TextEncoder) -> None:
    found = check(encode([text], encoder), encoder)
    if found.valid.sum() < MOST_TOKENS:  # nothing was cut
        assert found.token_maps[0, 0].any()


def check(found: TextFeatures, encoder: TextEncoder) -> TextFeatures:
    anchor = encoder.tokenizer.convert_tokens_to_ids(["Ġ.", "Ġnot", "Ġmentioned", "</s>"])
    assert np.isfinite(found.features).all()
    assert found.features.shape[1] <= MOST_TOKENS
    for ids, valid, maps in zip(found.ids, found.valid, found.token_maps, strict=True):
        assert ids[valid][-4:].tolist() == anchor
        assert ((maps >= 0) & (maps <= 1)).all()
        assert not maps[:, ~valid].any()
        assert not maps[:, valid][:, -4:].any()
    return found


def test_a_sentence_without_a_word_speaks_of_an_object(encoder: TextEncoder) -> None:
    for sentence in ("", "?!", "🪑"):
        (graph,) = encoder.parser.parse([sentence])
        assert [graph.utterance[a:b] for a, b in graph.main] == ["object"]


def test_a_long_sentence_is_cut_to_the_bound_and_keeps_its_anchor(encoder: TextEncoder) -> None:
    long = tokenize(parse("a chair " * 500), encoder)
    assert len(long.ids) == len(long.offsets) == MOST_TOKENS
    assert encode(["a chair " * 500], encoder).features.shape == (1, MOST_TOKENS, 128)


def write_folder(folder: Path, encoder: TextEncoder) -> Path:
    encoder.network.save_pretrained(folder)
    encoder.tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_folder_gives_back_the_network_it_was_written_from(
    encoder: TextEncoder, tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine", encoder)
    read = load_text(TextConfig(model="tiny", weights="mine", parser="rules"), tmp_path)
    written, again = encode(SENTENCES, encoder), encode(SENTENCES, read)
    assert np.array_equal(written.features, again.features)


def test_missing_files_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lacks config\.json.*FacebookAI/roberta-base"):
        load_text(TextConfig(model="base", weights="roberta-base", parser="rules"), tmp_path)
    with pytest.raises(ConfigError, match="hcfres pretrain text"):
        load_text(TextConfig(model="tiny", weights="package:nothing", parser="rules"), tmp_path)


def test_presets_and_seeds_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'huge' is none of tiny, base"):
        load_text(TextConfig(model="huge", weights="random:0", parser="rules"), tmp_path)
    with pytest.raises(ConfigError, match="random:0"):
        load_text(TextConfig(model="tiny", weights="random:many", parser="rules"), tmp_path)
    with pytest.raises(ConfigError, match="only `tiny` runs untrained"):
        load_text(TextConfig(model="base", weights="random:0", parser="rules"), tmp_path)


def test_damaged_files_and_other_networks_are_refused(encoder: TextEncoder, tmp_path: Path) -> None:
    config = TextConfig(model="tiny", weights="mine", parser="rules")
    folder = write_folder(tmp_path / "mine", encoder)
    with pytest.raises(DataError, match="128 wide, but `base` has 768"):
        load_text(TextConfig(model="base", weights="mine", parser="rules"), tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file(dict(list(weights.items())[:-1]), folder / "model.safetensors")
    with pytest.raises(DataError, match="weights missing"):
        load_text(config, tmp_path)
    (folder / "model.safetensors").write_bytes(b"\x10" * 20)
    with pytest.raises(DataError, match="not a readable RoBERTa"):
        load_text(config, tmp_path)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(DataError, match="not a readable tokenizer"):
        load_text(config, tmp_path)


def test_the_shipped_tokenizer_keeps_the_words_of_rooms_whole(encoder: TextEncoder) -> None:
    assert len(encoder.tokenizer) <= 800
    words = "the striped nightstand to the left of both refrigerators"
    pieces = encoder.tokenizer.tokenize(words)
    assert len(pieces) <= 12
    assert encoder.tokenizer.convert_tokens_to_ids(list(SPECIAL)) == [0, 1, 2, 3, 4]


def test_the_tiny_network_is_small_and_reads_the_bound() -> None:
    config = tiny_config()
    assert config.max_position_embeddings == MOST_TOKENS + 2
    network = RobertaModel(config, add_pooling_layer=False)
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_000_000


def test_the_base_network_has_the_published_names(golden: Path) -> None:
    lines = (golden / "roberta_keys.tsv").read_text().splitlines()[1:]
    published = dict(line.split("\t") for line in lines)
    config = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)
    with torch.device("meta"):
        network = RobertaModel(config)
    ours = {name: "x".join(map(str, p.shape)) for name, p in network.named_parameters()}
    assert ours == published
