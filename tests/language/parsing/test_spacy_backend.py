"""Dependencies become a scene graph: on parses that were written by hand, and on any string."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.language.parsing.graph import PREFIX, Parser, SceneGraph
from hcfres.language.parsing.registry import load_parser
from hcfres.language.parsing.spacy_backend import LONGEST, _Reading
from tests.language.parsing.tiny_pipeline import PARSED


@pytest.fixture(scope="module")
def parser(weights: Path) -> Parser:
    return load_parser("spacy:heart", weights)


def told(graph: SceneGraph) -> tuple[list[str], ...]:
    return tuple([graph.utterance[a:b] for a, b in spans] for spans in graph.spans)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "this is a black chair . it is next to the desk .",
            (["chair"], ["black"], ["this", "it"], ["desk"], ["next to"]),
        ),
        (
            "the two wooden shelves that hold books along the wall",
            (["shelves"], ["wooden"], ["that"], ["books"], ["along"]),
        ),
        ("find the office chair with wheels", (["office chair"], [], [], ["wheels"], [])),
        (
            "to the left of the bed is a small lamp",
            (["lamp"], ["small"], [], ["bed"], ["to the left of"]),
        ),
        (
            "there is a cabinet . it is tall and white .",
            (["cabinet"], ["tall", "white"], ["it"], [], []),
        ),
        ("a bed made of dark wood", (["bed"], ["dark", "wood"], [], [], [])),
        ("one of the chairs has a red seat", (["chairs"], [], ["one"], ["seat"], [])),
        ("look for a box under the table", (["box"], [], [], ["table"], ["under"])),
        ("the sofa is a gray couch", (["sofa", "couch"], ["gray"], [], [], [])),
        ("the sink is near another sink", (["sink"], [], [], ["sink"], ["near"])),
    ],
)
def test_a_dependency_parse_is_read(parser: Parser, sentence: str, expected) -> None:
    known = [" ".join(word.split(":")[0] for word in line.split()) for line in PARSED]
    assert sentence in known
    assert told(parser.parse([sentence])[0]) == expected


def test_a_sentence_without_an_object_is_given_one(parser: Parser) -> None:
    first, second = parser.parse(["it is the one on the table", "a bed made of dark wood"])
    assert first.utterance == PREFIX + "it is the one on the table"
    assert told(first) == (["object"], [], ["this", "it", "one"], ["table"], ["on"])
    assert second.utterance == "a bed made of dark wood"


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=()), max_size=80), max_size=3))
def test_no_string_makes_it_fail(parser: Parser, texts: list[str]) -> None:
    graphs = parser.parse(texts)
    assert len(graphs) == len(texts)
    for graph in graphs:
        graph.utterance.encode()
        assert graph.main
        for spans in graph.spans:
            assert all(0 <= start < end <= len(graph.utterance) for start, end in spans)


@pytest.mark.slow
def test_chains_of_ten_thousand_words_are_no_trouble(parser: Parser) -> None:
    from spacy.tokens import Doc  # noqa: PLC0415

    def chain(words: list[str], kinds: list[str], links: list[str]) -> SceneGraph:
        heads = [0, *range(len(words) - 1)]
        doc = Doc(parser.pipeline.vocab, words, pos=kinds, deps=["ROOT", *links[1:]], heads=heads)
        return _Reading(doc, doc.text).graph()

    nouns = chain(["chair"] * 2_000, ["NOUN"] * 2_000, ["conj"] * 2_000)
    assert len(nouns.main) == 2_000
    looks = chain(["chair", *["red"] * 1_999], ["NOUN", *["ADJ"] * 1_999], ["amod"] * 2_000)
    assert len(looks.attributes) == 1_999
    places = ["of", "side"] * 1_000
    kinds, links = ["ADP", "NOUN"] * 1_000, ["prep", "pobj"] * 1_000
    assert chain(["chair", *places], ["NOUN", *kinds], ["ROOT", *links]).others == ()
    (graph,) = parser.parse(["the chair and the table " * 2_000])
    assert graph.main


def test_a_very_long_description_is_parsed_as_far_as_it_matters(parser: Parser) -> None:
    (graph,) = parser.parse(["a bed . " + "x" * 2 * LONGEST])
    assert len(graph.utterance) > 2 * LONGEST
    assert max(end for spans in graph.spans for _, end in spans) <= LONGEST
