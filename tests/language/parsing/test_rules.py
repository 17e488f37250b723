"""The parser finds what a sentence speaks of, and never fails."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.rooms.expressions import make_expressions
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.seeds import scene_id
from hcfres.language.parsing.graph import PREFIX, SceneGraph
from hcfres.language.parsing.rules import RuleParser, parse

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
        # the main object hangs on nothing
        ("on the desk is a lamp", (["lamp"], [], [], ["desk"], ["on"])),
        ("look for the vent with slats", (["vent"], [], [], ["slats"], [])),
        ("looking at the bed, the lamp on it", (["lamp"], [], ["it"], ["bed"], ["on"])),
        ("identify the desk", (["desk"], [], [], [], [])),
        ("the room has a sink", (["sink"], [], [], [], [])),
        ("on the left wall, a clock", (["clock"], [], [], [], ["on"])),
        # it is named again
        ("what is the object? it is a stool", (["object", "stool"], [], ["it"], [], [])),
        ("a bed. the lamp is by the bed", (["bed", "bed"], [], [], ["lamp"], ["by"])),
        ("a bed by another bed", (["bed"], [], [], ["bed"], ["by"])),
        ("it is a desk. on it is a fan", (["desk"], [], ["it", "it"], ["fan"], ["on"])),
        # what is said of it, and what of others
        ("the bed by the desk is white", (["bed"], ["white"], [], ["desk"], ["by"])),
        ("a bed, dark green, made of wood", (["bed"], ["dark", "green", "wood"], [], [], [])),
        ("a chair by a desk that is white", (["chair"], [], [], ["desk"], ["by"])),
        ("a shelf whose doors are open", (["shelf"], [], [], ["doors"], [])),
        ("a lamp with a base made of metal", (["lamp"], [], [], ["base"], [])),
        ("it is a mug. it is dirty", (["mug"], ["dirty"], ["it", "it"], [], [])),
        ("a four-legged stool", (["stool"], ["four-legged"], [], [], [])),
        ("there are two sinks, the larger one", (["sinks"], ["larger"], ["one"], [], [])),
        # words that are several things
        ("the light over the sink", (["light"], [], [], ["sink"], ["over"])),
        ("the light switch", (["switch"], ["light"], [], [], [])),
        ("the tv stand that you can see", (["tv stand"], [], ["that"], [], [])),
        ("which chair is it", (["chair"], [], ["it"], [], [])),
        ("two nightstands right by the bed", (["nightstands"], [], [], ["bed"], ["by"])),
        ("its a desk, its legs are thin", (["desk"], [], ["its"], ["legs"], [])),
        ("the bed’s pillow isn't red", (["bed"], [], [], ["pillow"], [])),
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


def test_an_object_that_only_hangs_on_others_is_not_the_main_one() -> None:
    for sentence in ("next to the bed", "it has a tv on top of it", "you can sit on it by the tv"):
        graph = parse(sentence)
        assert graph.utterance == PREFIX + sentence
        assert told(graph)["main"] == ["object"]


def test_the_parser_gives_each_description_its_graph() -> None:
    descriptions = ["a lamp", "", "the red chair"]
    assert RuleParser().parse(descriptions) == [parse(one) for one in descriptions]


def check(graph: SceneGraph) -> None:
    graph.utterance.encode()
    assert graph.main
    for spans in graph.spans:
        for start, end in spans:
            assert 0 <= start < end <= len(graph.utterance)
            assert graph.utterance[start:end].strip() == graph.utterance[start:end]


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_no_string_makes_the_parser_fail(text: str) -> None:
    check(parse(text))


_TEXT = """the a red chair table left of to on it is are this that , . ! 's next trash can all two
 which not and with İ ß 漢字 l-shaped polka dot in front between him couldn't 3 4.5 \t its one near
 whose made has point at for look looking there like light right 2nd closest whiteish very"""
_WORDS = _TEXT.split(" ")


@given(st.lists(st.sampled_from(_WORDS), max_size=40))
def test_no_pile_of_words_makes_the_parser_fail(words: list[str]) -> None:
    check(parse(" ".join(words)))


PILES = {
    "sentences": "the chair by a table, which is red. ",
    "nouns": "chair ",
    "places": "on the left left near ",
    "prepositions": "near ",
    "articles": "the in the ",
    "letters": "a",
    "hyphens": "a-",
    "apostrophes": "'",
    "stops": ".",
    "accents": "a\u0301",
}


@pytest.mark.parametrize("pile", PILES)
def test_eight_times_the_words_take_eight_times_as_long(pile: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        check(parse(PILES[pile] * times))
        return time.process_time() - began

    seconds(200)
    assert seconds(1600) < 24 * seconds(200) + 0.05  # quadratic: 64 times


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
