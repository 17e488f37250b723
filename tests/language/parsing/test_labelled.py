"""The hand-labelled sentences are what they claim to be, and the rules meet their floor on them."""

import hashlib
from itertools import pairwise

import pytest

from hcfres.data.batch import TOKEN_MAPS
from hcfres.language.parsing.graph import PREFIX, SceneGraph
from hcfres.language.parsing.rules import parse
from tests.language.parsing.labelled import (
    HALVES,
    Agreement,
    Labelled,
    found_in,
    read,
    scores,
    sentences,
)

FLOOR = 0.85
"""Of the main object, every half."""


def test_marks_become_spans_of_the_sentence_without_them():
    one = read("the {a red} {m coffee table} {r by} it")
    assert one.text == "the red coffee table by it"
    marked = {name: {one.text[a:b] for a, b in spans} for name, spans in one.spans.items()}
    assert marked == {
        "main": {"coffee table"},
        "attribute": {"red"},
        "pronoun": set(),
        "other": set(),
        "relation": {"by"},
    }


@pytest.mark.parametrize("broken", ["the {m chair", "the {x chair}", "the {m } chair", "a }"])
def test_a_broken_mark_is_refused(broken):
    with pytest.raises(ValueError, match="a mark is not closed, or of no map"):
        read(broken)


def test_there_are_enough_sentences_each_once_with_whole_words_marked():
    every = [one for half in HALVES for one in sentences(half)]
    assert len(every) >= 100
    assert len({one.text for one in every}) == len(every)
    for one in every:
        assert one.text == " ".join(one.text.split())
        spans = sorted(span for found in one.spans.values() for span in found)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        for start, end in spans:
            around = f" {one.text} "[start : end + 2]
            assert not around[0].isalnum() and not around[-1].isalnum(), (one.text, start, end)


@pytest.mark.parametrize("half", HALVES)
def test_nobody_chose_the_halves(half):
    for one in sentences(half):
        odd = hashlib.sha256(one.text.encode()).digest()[-1] % 2
        assert half == ("measured" if odd else "development"), one.text
    assert len(sentences(half)) >= 50


@pytest.mark.parametrize("half", HALVES)
def test_the_rules_find_the_main_object(half):
    main = scores(parse, sentences(half))["main"]
    assert main.spans.f1 >= FLOOR
    assert main.words.f1 >= FLOOR


def test_a_score_counts_spans_and_words_over_all_sentences():
    def cut(text: str) -> SceneGraph:
        return SceneGraph(text, ((4, 9), (13, 17)), (), (), (), ())  # "table", "desk"

    one = Labelled("the table a desk", dict.fromkeys(TOKEN_MAPS, frozenset()))
    one = Labelled("the table, a desk lamp", one.spans | {"main": frozenset({(4, 9), (13, 22)})})
    main = scores(cut, [one, one])["main"]
    assert main.spans == Agreement(right=2, predicted=4, labelled=4)
    assert main.spans.f1 == 0.5
    assert main.words == Agreement(
        right=4, predicted=4, labelled=6
    )  # table, desk of table, desk, lamp
    assert main.words.f1 == pytest.approx(0.8)
    assert scores(cut, [one])["other"].spans.f1 == 1.0


def test_spans_in_the_words_put_before_a_sentence_do_not_count():
    text = "it is on the desk"
    found = found_in(parse(text), text)
    assert parse(text).utterance == PREFIX + text
    assert found["main"] == frozenset()
    assert found["other"] == {(13, 17)}
