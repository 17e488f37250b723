"""The sentences labelled by hand in `sentences.toml`, and how well a parser agrees with them."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from hcfres.data.batch import TOKEN_MAPS
from hcfres.language.parsing.graph import PREFIX, SceneGraph, Span

Half = Literal["development", "measured"]
HALVES: tuple[Half, ...] = ("development", "measured")

_FILE = Path(__file__).with_name("sentences.toml")
_MARK = re.compile(r"\{([maopr]) ([^{}]+)\}")
_MAP_OF = {"m": "main", "a": "attribute", "p": "pronoun", "o": "other", "r": "relation"}
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Labelled:
    """A sentence and, for each of TOKEN_MAPS, the spans that a reader marked."""

    text: str
    spans: dict[str, frozenset[Span]]


@cache
def sentences(half: Half) -> tuple[Labelled, ...]:
    """The sentences of one half, in the file's order."""
    return tuple(read(marked) for marked in tomllib.loads(_FILE.read_text())[half])


def read(marked: str) -> Labelled:
    """Take the marks out of a sentence."""
    text, at = "", 0
    spans: dict[str, set[Span]] = {name: set() for name in TOKEN_MAPS}
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans[_MAP_OF[mark[1]]].add((len(text), len(text) + len(mark[2])))
        text, at = text + mark[2], mark.end()
    text += marked[at:]
    if set("{}") & set(text):
        raise ValueError(f"a mark is not closed, or of no map: {marked}")
    return Labelled(text, {name: frozenset(found) for name, found in spans.items()})


def found_in(graph: SceneGraph, text: str) -> dict[str, frozenset[Span]]:
    """A parse's spans in the sentence itself; those in words put before it are left out."""
    shift = len(PREFIX) if graph.utterance == PREFIX + text else 0
    return {
        name: frozenset((a - shift, b - shift) for a, b in spans if a >= shift)
        for name, spans in zip(TOKEN_MAPS, graph.spans, strict=True)
    }


@dataclass(frozen=True)
class Agreement:
    """How a map's predictions meet its labels, counted over sentences."""

    right: int
    predicted: int
    labelled: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 where nothing was labelled or predicted."""
        every = self.predicted + self.labelled
        return 2 * self.right / every if every else 1.0


@dataclass(frozen=True)
class Score:
    """Of one map."""

    spans: Agreement
    """A span is right when both of its ends are."""
    words: Agreement
    """A word is right when it is in some span of both."""


def scores(parse: Callable[[str], SceneGraph], labelled: Iterable[Labelled]) -> dict[str, Score]:
    """The score of each map over all sentences together."""
    pairs = [(one, found_in(parse(one.text), one.text)) for one in labelled]
    return {
        name: Score(
            _agreement((found[name], one.spans[name]) for one, found in pairs),
            _agreement(
                (_words(one.text, found[name]), _words(one.text, one.spans[name]))
                for one, found in pairs
            ),
        )
        for name in TOKEN_MAPS
    }


def _agreement(pairs: Iterable[tuple[frozenset[Span], frozenset[Span]]]) -> Agreement:
    right = predicted = labelled = 0
    for found, wanted in pairs:
        right += len(found & wanted)
        predicted += len(found)
        labelled += len(wanted)
    return Agreement(right, predicted, labelled)


def _words(text: str, spans: frozenset[Span]) -> frozenset[Span]:
    """The words that some span covers."""
    places = [word.span() for word in _WORD.finditer(text)]
    return frozenset(p for p in places if any(a < p[1] and p[0] < b for a, b in spans))
