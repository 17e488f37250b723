"""Which classes a sentence names."""

from hcfres.data.rooms.catalogue import LABELS
from hcfres.language.relevance import named_classes


def test_singular_plural_and_synonyms_name_their_class() -> None:
    assert named_classes("the chairs beside the sofa", LABELS) == ("chair", "couch")
    assert named_classes("Two BOOKCASES.", LABELS) == ("bookshelf",)
    assert named_classes("something red", LABELS) == ()


def test_names_of_two_words_match_and_hide_the_words_they_are_made_of() -> None:
    assert named_classes("all the trash cans", LABELS) == ("trash can",)
    assert named_classes("a shower curtain", ("curtain", "shower_curtain")) == ("shower_curtain",)
    assert named_classes("a coffee table and a table", ("table", "coffee table")) == (
        "table",
        "coffee table",
    )
    assert named_classes("a coffee table", ("table", "coffee table")) == ("coffee table",)


def test_a_part_of_a_word_names_nothing() -> None:
    assert named_classes("the bedroom doorway", LABELS) == ()


def test_no_sentence_makes_the_search_fail() -> None:
    assert named_classes("", LABELS) == ()
    assert named_classes("a (lamp", ("(lamp", "lamp")) == ("(lamp",)
