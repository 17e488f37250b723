"""The parser finds what a sentence speaks of, and never fails."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.rooms.expressions import make_expressions
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.seeds import scene_id
from hcfres.language.parsing import PREFIX, SceneGraph, Span, parse

PARTS = ("main", "attributes", "pronouns", "others", "relations")


def told(graph: SceneGraph) -> dict[str, list[str]]:
    return {part: [graph.utterance[a:b] for a, b in getattr(graph, part)] for part in PARTS}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "this is a red chair. it is next to the desk.",
            (["chair"], ["red"], ["this", "it"], ["desk"], ["next to"]),
        ),
        (
            "the two gray chairs to the left of the white trash can",
            (["chairs"], ["gray"], [], ["trash can"], ["to the left of"]),
        ),
        (
            "close to the yellow box, there is a cupboard.",
            (["cupboard"], [], [], ["box"], ["close to"]),
        ),
        (
            "seen from the door, the lamp that is tall and blue",
            (["lamp"], ["tall", "blue"], ["that"], ["door"], ["from"]),
        ),
        (
            "A brown wooden chair with armrests. The chair is in the corner. It has a black seat.",
            (
                ["chair", "chair"],
                ["brown", "wooden"],
                ["It"],
                ["armrests", "seat"],
                ["in the corner"],
            ),
        ),
        ("find all of the computer monitors", (["computer monitors"], [], [], [], [])),
        ("the trash can is blue", (["trash can"], ["blue"], [], [], [])),
    ],
)
def test_a_sentence_is_taken_apart(sentence: str, expected: tuple[list[str], ...]) -> None:
    assert told(parse(sentence)) == dict(zip(PARTS, expected, strict=True))


def test_a_sentence_without_an_object_is_given_one() -> None:
    graph = parse("it's the one on the left")
    assert graph.utterance == PREFIX + "it's the one on the left"
    assert told(graph)["main"] == ["object"]


def test_walls_and_floors_are_no_objects() -> None:
    assert told(parse("on the wall of the room there is a picture"))["main"] == ["picture"]
    assert told(parse("a box on the floor at the wall"))["others"] == []


def check(graph: SceneGraph) -> None:
    for part in PARTS:
        spans: tuple[Span, ...] = getattr(graph, part)
        for start, end in spans:
            assert 0 <= start < end <= len(graph.utterance)
            assert graph.utterance[start:end].strip() == graph.utterance[start:end]


@given(st.text(max_size=300))
def test_no_string_makes_the_parser_fail(text: str) -> None:
    graph = parse(text)
    check(graph)
    assert graph.main


_TEXT = """the a red chair table left of to on it is are this that , . ! 's next trash can all two
 which not and with İ ß 漢字 l-shaped polka dot in front between him couldn't 3 4.5 \t"""
_WORDS = _TEXT.split(" ")


@given(st.lists(st.sampled_from(_WORDS), max_size=40))
def test_no_pile_of_words_makes_the_parser_fail(words: list[str]) -> None:
    check(parse(" ".join(words)))


def test_on_room_sentences_the_parser_finds_the_target_and_not_the_anchors() -> None:
    right, every = 0, 0
    for seed in random.Random(0).sample(range(1000, 1400), 5):
        for one in make_expressions(make_room(seed, scene_id(seed)), 20, 0, "pretrain"):
            graph = parse(one.description)
            assert graph.utterance == one.description
            roles = {"target": graph.main, "anchor": graph.others, "other": graph.others}
            for entity in one.entities:
                every += 1
                right += any(entity.start <= a and b <= entity.end for a, b in roles[entity.role])
    assert every > 120
    assert right == every
