"""What kind of word each word of an utterance is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hcfres.language.parsing import vocabulary as words
from hcfres.language.parsing.relations import is_adverb, is_open, relation_length, split

Kind = Literal[
    "noun", "look", "determiner", "pronoun", "relative", "copula", "verb", "link", "relation",
    "and", "comma", "there", "other", "stop",
]  # fmt: skip

_ALWAYS: dict[str, Kind] = {
    **dict.fromkeys(".;:!?", "stop"),
    ",": "comma",
    "and": "and",
    "or": "and",
    "there": "there",
}
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")


@dataclass(frozen=True)
class Word:
    """A word of the utterance."""

    text: str
    """In lower case."""
    start: int
    end: int
    """One past its last character."""
    kind: Kind


@dataclass(frozen=True)
class _Place:
    """A word that is no spatial expression, and what stands around it."""

    text: str
    last: Word
    follower: str
    relation_follows: bool

    @property
    def in_phrase(self) -> bool:
        """Whether a noun is still to come."""
        return self.last.kind in ("determiner", "look")

    @property
    def noun_follows(self) -> bool:
        """Whether the next word may be a noun or an adjective."""
        return is_open(self.follower)


def tagged(utterance: str) -> list[Word]:
    """The words of an utterance with their kinds."""
    found = split(utterance)
    texts = [text for text, _ in found]
    tags: list[Word] = []
    while len(tags) < len(found):
        at = len(tags)
        length = relation_length(texts, at)
        for text, span in found[at : at + max(length, 1)]:
            kind: Kind = "relation" if length else _kind(_place(texts, at, tags))
            tags.append(Word(text, *span, kind))
    return tags


def _place(texts: Sequence[str], at: int, before: Sequence[Word]) -> _Place:
    last = before[-1] if before else Word("", 0, 0, "stop")
    if at + 1 == len(texts):
        return _Place(texts[at], last, ".", False)
    return _Place(texts[at], last, texts[at + 1], relation_length(texts, at + 1) > 0)


def _kind(place: _Place) -> Kind:
    always = _ALWAYS.get(place.text)
    return always or _pronoun(place) or _function(place) or _open_kind(place)


def _pronoun(place: _Place) -> Kind | None:
    """Whether the word stands for a noun."""
    text = place.text
    free = not place.noun_follows and place.follower not in words.DETERMINERS
    if text in words.PRONOUNS:
        return "pronoun"
    if text in words.NUMBERS:
        return "determiner" if place.noun_follows else "pronoun"
    if text in words.RELATIVES and place.last.kind in ("noun", "pronoun", "comma"):
        return "relative"
    if text == "its" and (place.relation_follows or place.follower in ("a", "an", "the")):
        return "pronoun"  # a misspelt `it's`
    if text in words.DEMONSTRATIVES and free and not place.relation_follows:
        return "pronoun"
    return "determiner" if text in words.RELATIVES else None


def _function(place: _Place) -> Kind | None:
    """The other words of closed classes."""
    text, last = place.text, place.last
    if text.isdecimal() or text in words.DETERMINERS:
        return "determiner"
    of_owner = text == "'s" and last.kind == "noun" and place.noun_follows
    if of_owner or (text == "like" and last.kind == "copula"):  # `it looks like a crate`
        return "other"
    if text in words.COPULAS:
        return "copula"
    if (last.text, text) in words.ASKING:
        return "verb"
    return "link" if text in words.LINKS or text in ("in", "at") else None


def _open_kind(place: _Place) -> Kind:
    text = place.text
    if text in words.NOUNS_TOO and place.in_phrase and not place.noun_follows:
        return "noun"
    stands_before = text in words.PLACE_NOUNS and place.noun_follows
    if stands_before or text in words.LOOKS or _ORDINAL.fullmatch(text):
        return "look"
    if text in words.VERBS:
        return "noun" if _is_noun_here(place) else _verb(place.last)
    stronger = text == "right" and place.relation_follows  # `right by the bed`
    if stronger or text in words.OTHER_FUNCTION_WORDS or is_adverb(text):
        return "other"
    return _unknown(place) if text[0].isalnum() else "other"


def _is_noun_here(place: _Place) -> bool:
    """Whether a word that may be a verb is a noun: `the tv stand`, `a trash can`."""
    if place.text == "can" and (place.follower in words.VERBS or place.follower == "be"):
        return False
    compound = place.last.kind == "noun" and not place.last.text.endswith("s")
    return place.in_phrase or (compound and place.text in words.VERBS_TOO)


def _verb(last: Word) -> Kind:
    """`it covers the window`: what follows such a verb is not the described object."""
    return "link" if last.kind in ("pronoun", "relative") else "verb"


def _unknown(place: _Place) -> Kind:
    """By its ending and its neighbours; a word that nothing tells otherwise is a noun."""
    text, last = place.text, place.last
    if text.endswith(words.ADJECTIVE_ENDINGS) or (place.noun_follows and _is_adjective(text)):
        return "look"
    if text.endswith("ing") and text not in words.GERUND_NOUNS and not place.in_phrase:
        return "link"
    if text.endswith("ed") and text not in words.NOUNS_IN_ED and not place.in_phrase:
        return "verb"
    alone = not place.noun_follows and not text.endswith("s")
    if alone and (last.kind == "copula" or last.text in words.BEFORE_ADJECTIVES):
        return "look"
    if last.kind == "stop" and place.follower in words.AFTER_A_COMMAND:
        return "verb"  # `locate the chair`
    return "noun"


def _is_adjective(text: str) -> bool:
    """Whether a word that stands before a noun ends as adjectives do."""
    if text.endswith("ed"):
        return text not in words.NOUNS_IN_ED
    return text.endswith("y") and text[-2:-1] not in "aeiou" and text not in words.NOUNS_IN_Y
