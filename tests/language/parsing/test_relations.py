"""Spatial expressions, whole and only those."""

import pytest

from hcfres.language.parsing.relations import is_open, relations, split


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("the chair to the left of the bed", ["to the left of"]),
        ("the lamp in the far right corner", ["in the far right corner"]),
        ("a shelf on your left-hand side, by the door", ["on your left-hand side", "by"]),
        ("the picture on the left wall", ["on"]),
        ("the box on the top shelf, at the very end of the hall", ["on", "at the very end of"]),
        ("chairs on both sides of the table", ["on both sides of"]),
        ("second from the right at the bar", ["from the right at"]),
        ("white in color, look at it", []),
        ("at least two chairs at the desk", ["at"]),
        ("the closest chair to the desk", []),
        ("the chair closest to the desk", ["closest to"]),
        ("IN FRONT OF the sofa", ["IN FRONT OF"]),
        ("a chair with wheels", []),
        ("near near near", ["near near near"]),
        ("", []),
    ],
)
def test_the_spatial_expressions_are_found(sentence: str, expected: list[str]) -> None:
    assert [sentence[start:end] for start, end in relations(sentence)] == expected


def test_words_keep_their_places_whatever_apostrophe_is_written() -> None:
    assert split("It’s a l-shaped desk; it doesn't") == [
        ("it", (0, 2)),
        ("'s", (2, 4)),
        ("a", (5, 6)),
        ("l-shaped", (7, 15)),
        ("desk", (16, 20)),
        (";", (20, 21)),
        ("it", (22, 24)),
        ("doesn't", (25, 32)),
    ]


def test_open_words_are_those_that_may_name_or_describe() -> None:
    assert all(is_open(word) for word in ("chair", "red", "dirty", "gemüse", "family"))
    assert not any(is_open(word) for word in ("the", "directly", "is", "next", ",", "'s", "with"))
