"""Spatial expressions: a closed class, found by their words alone (decision 126)."""

import re
from collections.abc import Sequence

from hcfres.language.parsing import vocabulary as words
from hcfres.language.parsing.graph import Span

_WORD = re.compile(r"'(?:s|re|m|ve|ll|d)\b|[^\W_]+(?:-[^\W_]+)*(?:'t\b)?|[.,;:!?]")
_FIRST = {
    first: [way for way in words.FIXED if way[0] == first]
    for first in {way[0] for way in words.FIXED}
}
_MOST = 6
"""Words of a place, so that no pile of them takes time quadratic in its height."""
_PLACES = words.PLACE_NOUNS | words.PLACE_ADJECTIVES
_CLOSED = (
    words.DETERMINERS
    | words.NUMBERS
    | words.PRONOUNS
    | words.RELATIVES
    | words.COPULAS
    | words.LINKS
    | words.VERBS
    | words.OTHER_FUNCTION_WORDS
    | _FIRST.keys()
)


def split(utterance: str) -> list[tuple[str, Span]]:
    """The words and stops of an utterance in lower case, each with its place."""
    straight = utterance.replace("’", "'")
    return [(match[0].lower(), match.span()) for match in _WORD.finditer(straight)]


def relations(utterance: str) -> tuple[Span, ...]:
    """The spatial expressions of an utterance; neighbours are one."""
    found = split(utterance)
    texts = [text for text, _ in found]
    spans: list[Span] = []
    at, last = 0, -1  # one past the last expression's words
    while at < len(found):
        length = relation_length(texts, at)
        if length:
            start = spans.pop()[0] if last == at else found[at][1][0]
            last = at + length
            spans.append((start, found[last - 1][1][1]))
        at += max(length, 1)
    return tuple(spans)


def relation_length(texts: Sequence[str], at: int) -> int:
    """Number of words of the spatial expression that starts at a word; 0 where none does.

    Args:
        texts: the words of the utterance, in lower case.
    """
    if _is_figurative(texts, at):
        return 0
    return max(_with_place(texts, at), _fixed(texts, at))


def _is_figurative(texts: Sequence[str], at: int) -> bool:
    """`white in color`, `look at it`."""
    after = texts[at + 1] if at + 1 < len(texts) else ""
    before = texts[at - 1] if at else ""
    if texts[at] in ("in", "at") and after in words.RESPECTS:
        return True
    return texts[at] == "at" and before in words.LOOKING


def _fixed(texts: Sequence[str], at: int) -> int:
    for way in _FIRST.get(texts[at], ()):
        if tuple(texts[at : at + len(way)]) == way:
            end = at + len(way)
            adjective = way[-1] in words.SUPERLATIVES and end < len(texts) and is_open(texts[end])
            return 0 if adjective else len(way)  # `the closest chair`
    return 0


def _with_place(texts: Sequence[str], at: int) -> int:
    """A preposition with the noun of a place: `to the left of`, `in the far corner`.

    In `on the left wall` the place belongs to what follows, and the preposition stands alone.
    """
    if texts[at] not in words.PREPOSITIONS:
        return 0
    first = at + 1
    while first < len(texts) and texts[first] in words.ARTICLES:
        first += 1
    end = first
    while end < min(len(texts), first + _MOST) and _is_place(texts[end]):
        end += 1
    while end > first and texts[end - 1] in words.PLACE_ADJECTIVES:
        end -= 1
    if end == first:
        return 0
    if end < len(texts) and texts[end] == "of":
        return end + 1 - at
    return 0 if end < len(texts) and is_open(texts[end]) else end - at


def _is_place(text: str) -> bool:
    return set(text.split("-")) <= _PLACES


def is_open(text: str) -> bool:
    """Whether a word may be a noun or an adjective: no function word, verb or punctuation."""
    return text[0].isalnum() and text not in _CLOSED and not is_adverb(text)


def is_adverb(text: str) -> bool:
    """Whether a word ends as adverbs do."""
    return text.endswith("ly") and text not in words.NOUNS_IN_Y
