"""A rule-based parse of a description: its main object, and what is said of it.

It needs no model, never fails, and feeds only the token maps of the contrastive loss.
"""

import re
from dataclasses import dataclass

from hcfres.language import vocabulary

Span = tuple[int, int]
"""First character and one past the last, in the utterance."""

PREFIX = "this is an object . "
"""Put before a description in which no object is found."""

_WORD = re.compile(r"'(?:s|re|m)\b|[^\W_]+(?:-[^\W_]+)*|[.,;:!?]")
_SENTENCE_END = frozenset(".;!?")


@dataclass(frozen=True)
class SceneGraph:
    """What the words of an utterance name, as character spans."""

    utterance: str
    """The description with its white space made single, prefixed where it names no object."""
    main: tuple[Span, ...]
    """The described object's noun, wherever it is named again."""
    attributes: tuple[Span, ...]
    """Adjectives of the main object."""
    pronouns: tuple[Span, ...]
    """Words that stand for the main object."""
    others: tuple[Span, ...]
    """The nouns of all other objects."""
    relations: tuple[Span, ...]
    """Spatial words between the main object and the others."""


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int
    kind: str
    """noun, look, determiner, pronoun, copula, verb, relation, other, stop."""


@dataclass(frozen=True)
class _Chunk:
    """A noun phrase: its nouns, with the adjectives before them."""

    looks: tuple[_Word, ...]
    nouns: tuple[_Word, ...]
    after: str
    """Kind of the nearest word before it that is no determiner: what it hangs on."""

    @property
    def span(self) -> Span:
        return self.nouns[0].start, self.nouns[-1].end

    @property
    def head(self) -> str:
        return _singular(self.nouns[-1].text)

    @property
    def is_object(self) -> bool:
        return self.nouns[-1].text not in vocabulary.PLACES


def parse(description: str) -> SceneGraph:
    """The main object of the description, and what is said of it; any string has an answer."""
    utterance = " ".join(description.split())
    graph = _parse(utterance)
    return graph if graph.main else _parse(PREFIX + utterance)


def _parse(utterance: str) -> SceneGraph:
    words = _tagged(utterance)
    chunks = [chunk for chunk in _chunks(words) if chunk.is_object]
    main = next((c for c in chunks if c.after != "relation"), chunks[0] if chunks else None)
    if main is None:
        return SceneGraph(utterance, (), (), (), (), ())
    same = [c for c in chunks if c is main or (c.head == main.head and c.after != "relation")]
    looks = [word for chunk in same for word in chunk.looks]
    looks += _predicates(words, same, chunks)
    return SceneGraph(
        utterance,
        main=tuple(chunk.span for chunk in same),
        attributes=tuple(sorted({(word.start, word.end) for word in looks})),
        pronouns=tuple((w.start, w.end) for w in words if w.kind == "pronoun"),
        others=tuple(chunk.span for chunk in chunks if chunk not in same),
        relations=_relation_spans(words),
    )


def _tagged(utterance: str) -> list[_Word]:
    found = [(match[0].lower(), *match.span()) for match in _WORD.finditer(utterance)]
    texts = [text for text, _, _ in found]
    words: list[_Word] = []
    at = 0
    while at < len(found):
        length = _relation_at(texts, at)
        for text, start, end in found[at : at + max(length, 1)]:
            kind = "relation" if length else _kind(texts, at, words)
            words.append(_Word(text, start, end, kind))
        at += max(length, 1)
    return words


def _relation_at(texts: list[str], at: int) -> int:
    """Number of words of the spatial expression that starts here; 0 where none does."""
    if texts[at] not in _FIRST:
        return 0
    for way in _FIRST[texts[at]]:
        if tuple(texts[at : at + len(way)]) == way:
            return len(way)
    return 0


_FIRST = {
    first: [way for way in vocabulary.RELATIONS if way[0] == first]
    for first in {way[0] for way in vocabulary.RELATIONS}
}


def _kind(texts: list[str], at: int, before: list[_Word]) -> str:
    text = texts[at]
    follower = texts[at + 1] if at + 1 < len(texts) else "."
    if text in _SENTENCE_END:
        return "stop"
    if text in vocabulary.PRONOUNS:
        return "pronoun"
    if text in vocabulary.DEMONSTRATIVES and (
        follower in vocabulary.COPULAS or follower in vocabulary.VERBS or follower in _SENTENCE_END
    ):
        return "pronoun"
    if text in vocabulary.DETERMINERS:
        return "determiner"
    return _open_kind(text, before)


def _open_kind(text: str, before: list[_Word]) -> str:
    if text in vocabulary.COPULAS:
        return "copula"
    if text in vocabulary.COLOURS or text in vocabulary.LOOKS:
        return "look"
    last = before[-1].kind if before else "stop"
    compound = last == "noun" and f"{before[-1].text} {text}" in vocabulary.COMPOUNDS
    in_phrase = last in ("determiner", "look") or compound
    if text in vocabulary.VERBS and not in_phrase:
        return "verb"
    if text in vocabulary.OTHER_FUNCTION_WORDS or not text[0].isalnum():
        return "other"
    return "noun"


def _chunks(words: list[_Word]) -> list[_Chunk]:
    """The noun phrases in order; `red chair` is one, `chair` in `chair that` too."""
    chunks: list[_Chunk] = []
    looks: list[_Word] = []
    nouns: list[_Word] = []
    after = "stop"
    for word in [*words, _Word(".", 0, 0, "stop")]:
        if word.kind == "noun":
            nouns.append(word)
            continue
        if nouns:
            chunks.append(_Chunk(tuple(looks), tuple(nouns), after))
            looks, nouns, after = [], [], "noun"
        if word.kind == "look":
            looks.append(word)
        elif word.text in ("and", "or") and after == "noun":
            after = chunks[-1].after  # `between the bed and the desk`
        elif word.kind != "determiner" and not (looks and word.text in ("and", ",")):
            looks = []
            after = word.kind if word.text != "of" or after != "relation" else after
    return chunks


def _predicates(words: list[_Word], same: list[_Chunk], chunks: list[_Chunk]) -> list[_Word]:
    """Adjectives said of the main object after a form of `to be`: `it is red`."""
    mains = {number for chunk in same for number in range(*chunk.span)}
    others = {n for chunk in chunks if chunk not in same for n in range(*chunk.span)}
    subject_is_main = False
    found: list[_Word] = []
    collecting: list[_Word] = []
    for word in words:
        if word.kind == "pronoun" or word.start in mains:
            subject_is_main, collecting = True, []
        elif word.start in others:
            subject_is_main, collecting = False, []
        elif word.kind == "copula":
            collecting = found if subject_is_main else []
        elif word.kind == "look" and collecting is found:
            found.append(word)
        elif word.kind in ("relation", "stop", "determiner", "noun"):
            collecting = []
    return found


def _relation_spans(words: list[_Word]) -> tuple[Span, ...]:
    spans: list[Span] = []
    previous = "stop"
    for word in words:
        if word.kind == "relation":
            if previous == "relation":
                spans[-1] = (spans[-1][0], word.end)
            else:
                spans.append((word.start, word.end))
        previous = word.kind
    return tuple(spans)


def _singular(noun: str) -> str:
    for ending, stem in (("shelves", "shelf"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if noun.endswith(ending):
            return noun[: -len(ending)] + stem
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
