"""The parser called `spacy:PIPELINE`: a dependency parse of spaCy's, read as a scene graph."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hcfres.language.parsing import vocabulary as words
from hcfres.language.parsing.graph import PREFIX, SceneGraph, Span, utterance_of
from hcfres.language.parsing.phrases import singular
from hcfres.language.parsing.relations import relations, split

LONGEST = 10_000
"""Characters of an utterance that are parsed; what follows them has no spans."""

_BATCH = 64
_SUBJECTS = ("nsubj", "nsubjpass")
_JOINED = ("conj", "amod", "advmod", "compound")
_NOMINAL = ("NOUN", "PROPN", "PRON")
_NO_OBJECT = words.PLACES | words.NUMBERS | words.DETERMINERS
"""What an `of` may follow without an object that the next noun would belong to."""
_MATERIAL = words.LOOKS - words.NOUNS_TOO
"""Words that tell how a thing looks, also where a pipeline takes them for nouns."""
_GENERIC = words.PRONOUNS | words.RELATIVES | words.DEMONSTRATIVES | words.NUMBERS


@dataclass(frozen=True)
class SpacyParser:
    """A pipeline with a tagger and a dependency parser."""

    pipeline: Any
    """spaCy's `Language`."""

    def parse(self, descriptions: Sequence[str]) -> list[SceneGraph]:
        """The graph of each description; any string has one."""
        utterances = [utterance_of(description) for description in descriptions]
        graphs = self._graphs(utterances)
        unnamed = [place for place, graph in enumerate(graphs) if not graph.main]
        again = self._graphs([PREFIX + utterances[place] for place in unnamed])
        for place, graph in zip(unnamed, again, strict=True):
            graphs[place] = graph if graph.main else _fallback(graph)
        return graphs

    def _graphs(self, utterances: Sequence[str]) -> list[SceneGraph]:
        docs = self.pipeline.pipe((text[:LONGEST] for text in utterances), batch_size=_BATCH)
        return [_Reading(doc, text).graph() for doc, text in zip(docs, utterances, strict=True)]


def _fallback(graph: SceneGraph) -> SceneGraph:
    """The prefix names the main object, whatever a pipeline makes of it."""
    start = PREFIX.index("object")
    return SceneGraph(graph.utterance, ((start, start + len("object")),), (), (), (), ())


@dataclass(frozen=True)
class _Reading:
    """One parsed utterance; tokens are spaCy's."""

    doc: Any
    utterance: str

    def graph(self) -> SceneGraph:
        """What it speaks of."""
        if self.main is None:
            return SceneGraph(self.utterance, (), (), (), (), ())
        return SceneGraph(
            self.utterance,
            main=tuple(_name(token) for token in self.mains),
            attributes=tuple(self._word(self.doc[place].idx) for place in sorted(self.looks)),
            pronouns=tuple(self._word(token.idx) for token in self.pronouns),
            others=tuple(_name(t) for t in self.objects if t.i not in self._places_of_main),
            relations=self.relations,
        )

    @cached_property
    def relations(self) -> tuple[Span, ...]:
        """Spatial expressions, by the words that both parsers know."""
        return relations(self.utterance[:LONGEST])

    @cached_property
    def _taken(self) -> set[int]:
        """The characters of spatial expressions."""
        return {place for start, end in self.relations for place in range(start, end)}

    @cached_property
    def _words(self) -> dict[int, Span]:
        """The word around each character, hyphens included, which spaCy takes apart."""
        spans = [span for _, span in split(self.utterance[:LONGEST])]
        return {place: span for span in spans for place in range(*span)}

    def _word(self, place: int) -> Span:
        return self._words.get(place, (place, place + 1))

    @cached_property
    def objects(self) -> list[Any]:
        """The nouns that name things, each the head of its compound."""
        return [
            token
            for token in self.doc
            if token.pos_ in ("NOUN", "PROPN")
            and token.dep_ not in ("compound", "npadvmod")
            and token.idx not in self._taken
            and token.lower_ not in words.PLACES | words.NUMBERS | _MATERIAL
        ]

    @cached_property
    def main(self) -> Any | None:
        """The first object that hangs on nothing."""
        return next((token for token in self.objects if not _hangs(token)), None)

    @cached_property
    def mains(self) -> list[Any]:
        """The described object's noun wherever it is named."""
        return [token for token in self.objects if token == self.main or self._names_again(token)]

    @cached_property
    def _places_of_main(self) -> set[int]:
        return {token.i for token in self.mains}

    def _names_again(self, token: Any) -> bool:
        if self.main is None or any(c.lower_ in words.ANOTHER for c in token.children):
            return False
        if token.dep_ == "attr" and self._is_of_main(_subject(token.head)):
            return True
        return singular(token.lower_) == singular(self.main.lower_) and not _hangs(token)

    def _is_of_main(self, subject: Any | None) -> bool:
        """Whether a subject is the main noun or stands for it."""
        return subject is not None and (subject == self.main or _stands_for_main(subject))

    @cached_property
    def pronouns(self) -> list[Any]:
        """Words that stand for the described object."""
        return [token for token in self.doc if self._is_pronoun(token)]

    def _is_pronoun(self, token: Any) -> bool:
        if not _stands_for_main(token):
            return False
        clause = token.head
        if token.lower_ not in words.RELATIVES or clause.dep_ != "relcl":
            return True
        owner = clause.head
        return owner.i in self._places_of_main or owner.lower_ in words.NUMBERS

    @cached_property
    def looks(self) -> set[int]:
        """Places of the adjectives of the described object."""
        said = [token for token in self.doc if self._is_said_of_main(token)]
        found = {look for token in said for look in _adjectives(token)}
        return {look.i for look in found if look.idx not in self._taken}

    def _is_said_of_main(self, token: Any) -> bool:
        head = token.head
        if token.dep_ == "amod" or (token.dep_ == "compound" and token.lower_ in _MATERIAL):
            return head.i in self._places_of_main or head.lower_ in words.NUMBERS
        if token.dep_ == "pobj" and head.dep_ == "prep" and head.head.lower_ in words.MADE:
            return token.lower_ in _MATERIAL and head.head.head.i in self._places_of_main
        if token.dep_ in ("acomp", "oprd", "attr", "conj") and _is_adjective(token):
            subject = _subject(_clause(token))
            named = subject is not None and subject.i in self._places_of_main
            return named or self._is_of_main(subject)
        return False


def _stands_for_main(token: Any) -> bool:
    """Whether a word is of those that stand for the described object."""
    return token.lower_ in _GENERIC and token.dep_ not in ("det", "nummod", "mark", "expl", "poss")


def _hangs(token: Any) -> bool:
    """Whether a noun only says where or how another thing is."""
    while (shares := _shares_place_of(token)) is not None:
        token = shares
    if token.dep_ == "pobj":
        preposition = token.head
        return (preposition.head.lower_, preposition.lower_) not in words.ASKING
    if token.dep_ in ("dobj", "obj"):
        return _hangs_on_verb(token.head)
    return token.dep_ == "poss" or (token.dep_ in _SUBJECTS and token.head.dep_ == "relcl")


def _shares_place_of(token: Any) -> Any | None:
    """What a noun hangs as: `a desk and a bed`, `one of the beds`; None for itself."""
    head = token.head
    if token.dep_ in ("conj", "appos") and head != token and head.pos_ in _NOMINAL:
        return head
    if token.dep_ != "pobj" or head.lower_ != "of" or head.head in (head, token):
        return None
    return head.head if head.head.lower_ in _NO_OBJECT else None


def _hangs_on_verb(verb: Any) -> bool:
    """Whether the verb's object is not what the description is about."""
    subject = _subject(verb)
    if verb.lower_ in words.LINKS:
        return subject is None or subject.lower_ not in words.PLACES
    if subject is not None and _stands_for_main(subject):
        return True
    return verb.dep_ in ("acl", "advcl", "relcl")


def _subject(verb: Any) -> Any | None:
    return next((child for child in verb.children if child.dep_ in _SUBJECTS), None)


def _clause(adjective: Any) -> Any:
    """The verb that an adjective completes."""
    head = adjective.head
    while adjective.dep_ == "conj" and head != adjective and _is_adjective(head):
        adjective, head = head, head.head
    return head


def _adjectives(token: Any) -> Iterator[Any]:
    """An adjective with those that are joined to it."""
    joined = [token]
    while joined:
        token = joined.pop()
        yield token
        joined += [c for c in token.children if c.dep_ in _JOINED and _is_adjective(c)]


def _is_adjective(token: Any) -> bool:
    told = token.lower_
    return token.pos_ == "ADJ" or told in _MATERIAL or told.endswith(words.ADJECTIVE_ENDINGS)


def _name(token: Any) -> Span:
    """A noun with the nouns that make up its name."""
    first = token
    while first.i and _is_part_of_name(first.nbor(-1), (token, first)):
        first = first.nbor(-1)
    return first.idx, token.idx + len(token)


def _is_part_of_name(token: Any, nouns: tuple[Any, Any]) -> bool:
    return token.dep_ == "compound" and token.head in nouns and token.lower_ not in _MATERIAL
