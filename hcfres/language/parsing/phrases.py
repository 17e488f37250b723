"""Noun phrases: `the red chair`, `chair` in `chair that`."""

from collections.abc import Sequence
from dataclasses import dataclass

from hcfres.language.parsing import vocabulary
from hcfres.language.parsing.graph import Span
from hcfres.language.parsing.tagging import Kind, Word

_END = Word(".", 0, 0, "stop")


@dataclass(frozen=True, eq=False)
class Phrase:
    """Nouns, with the adjectives before them."""

    looks: tuple[Word, ...]
    nouns: tuple[Word, ...]
    after: Kind
    """Of the word that it hangs on: the nearest before it that is no part of it."""
    is_another: bool
    """Whether it is said to be another object than one before."""

    @property
    def span(self) -> Span:
        """Of the nouns."""
        return self.nouns[0].start, self.nouns[-1].end

    @property
    def head(self) -> str:
        """The noun that the others make more precise, in the singular."""
        return singular(self.nouns[-1].text)

    @property
    def is_object(self) -> bool:
        """Whether it names a thing, not a place or a respect."""
        return self.nouns[-1].text not in vocabulary.PLACES

    @property
    def hangs(self) -> bool:
        """Whether it only says where or how another thing is."""
        return self.after in ("relation", "link")


def parts(words: Sequence[Word]) -> list[Word | Phrase]:
    """The utterance in order, its nouns with their adjectives gathered into phrases."""
    found: list[Word | Phrase] = []
    before: list[Word] = []
    nouns: list[Word] = []
    after: Kind = "stop"
    for word in [*words, _END]:
        if word.kind == "noun":
            nouns.append(word)
            continue
        if nouns:
            found.append(_phrase(before, nouns, after))
            before, nouns = [], []
        if _goes_on(word, before):
            before.append(word)
            continue
        found += before
        before = [word] if word.kind in ("determiner", "look") else []
        if not before:
            after = _hung_on(word, found[-1] if found else None, after)
            found.append(word)
    return found[:-1]


def _goes_on(word: Word, before: Sequence[Word]) -> bool:
    """Whether a phrase that has begun goes on: `the two`, `small, round`, `black and`."""
    if not before or word.text in vocabulary.ARTICLES:
        return False
    if word.kind in ("comma", "and"):
        return before[-1].kind == "look"
    return word.kind in ("determiner", "look")


def _hung_on(word: Word, last: Word | Phrase | None, after: Kind) -> Kind:
    """What a phrase hangs on that comes next after `word`.

    Args:
        last: what stands before the word.
        after: what a phrase in its place would have hung on.
    """
    if isinstance(last, Phrase):
        if word.kind == "and" or (word.text == "of" and not last.is_object):
            return last.after
        if word.kind == "link" and not last.is_object:
            return "verb"  # `the room has a chair`
        return "link" if word.text == "of" else word.kind
    if word.kind == "other" or (word.kind == "pronoun" and after in ("relation", "link")):
        return after
    if word.kind == "copula" and isinstance(last, Word) and last.kind == "pronoun":
        return after if after == "relation" else "copula"  # `on it is a lamp`
    return after if word.text in vocabulary.NUMBERS else word.kind


def _phrase(before: Sequence[Word], nouns: Sequence[Word], after: Kind) -> Phrase:
    is_another = any(word.text in vocabulary.ANOTHER for word in before)
    looks = tuple(word for word in before if word.kind == "look")
    return Phrase(looks, tuple(nouns), after, is_another)


def singular(noun: str) -> str:
    """The noun as one thing is called."""
    for ending, stem in (("shelves", "shelf"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if noun.endswith(ending):
            return noun[: -len(ending)] + stem
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
