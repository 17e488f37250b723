"""The rule-based parser: it needs no model, never fails, and takes time linear in the words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcfres.config.loading import ConfigError
from hcfres.language.parsing.graph import PREFIX, SceneGraph, Span, utterance_of
from hcfres.language.parsing.phrases import Phrase, parts
from hcfres.language.parsing.relations import relations
from hcfres.language.parsing.tagging import Word, tagged
from hcfres.language.parsing.vocabulary import MADE, NUMBERS, PLACE_NOUNS


class RuleParser:
    """The parser called `rules`."""

    def parse(self, descriptions: Sequence[str]) -> list[SceneGraph]:
        """The graph of each description; any string has one."""
        return [parse(description) for description in descriptions]


def load_rules(rest: str, weights_dir: Path) -> RuleParser:
    """The rule-based parser; a ConfigError where its name has more to it than `rules`."""
    rules_identity(rest, weights_dir)
    return RuleParser()


def rules_identity(rest: str, weights_dir: Path) -> str:
    """Identify it: its code is the whole of it."""
    if rest:
        raise ConfigError(f"parser 'rules:{rest}': it has no variants; write \"rules\"")
    return "rules"


def parse(description: str) -> SceneGraph:
    """The main object of the description, and what is said of it; any string has an answer.

    The main object is the first that hangs on nothing: neither on a spatial expression nor on
    `with`, `has` and the like (decision 125).
    """
    utterance = utterance_of(description)
    graph = _parse(utterance)
    return graph if graph.main else _parse(PREFIX + utterance)


def _parse(utterance: str) -> SceneGraph:
    found = parts(tagged(utterance))
    main = next((p for p in found if isinstance(p, Phrase) and p.is_object and not p.hangs), None)
    reading = _Reading(main)
    for part in found:
        if isinstance(part, Phrase):
            reading.phrase(part)
        else:
            reading.word(part)
    return SceneGraph(
        utterance,
        main=tuple(reading.mains),
        attributes=tuple(sorted(reading.attributes)),
        pronouns=tuple(reading.pronouns),
        others=tuple(reading.others),
        relations=relations(utterance),
    )


@dataclass
class _Reading:
    """Follows a description from its first word, always knowing what it speaks of."""

    main: Phrase | None
    mains: list[Span] = field(default_factory=list)
    attributes: set[Span] = field(default_factory=set)
    pronouns: list[Span] = field(default_factory=list)
    others: list[Span] = field(default_factory=list)
    subject: bool | None = None
    """Whether the clause is about the main object; None where it is about nothing yet."""
    names: bool = False
    """Whether a noun after `is` would be another name of the main object."""
    aside: bool = False
    """Whether a relative clause about another object is being read."""
    last: Word | Phrase | None = None
    waiting: list[Word] = field(default_factory=list)
    """Adjectives whose noun may still come."""

    def phrase(self, phrase: Phrase) -> None:
        """Read a noun phrase."""
        same = phrase.is_object and self._is_main(phrase)
        if same:
            self.mains.append(phrase.span)
            self._say(phrase.looks)
        elif phrase.is_object:
            self.others.append(phrase.span)
        if not phrase.hangs:
            self.subject = self.names = same
            self.aside = False
        if _is_owned(self.last):
            self.subject = self.names = False
        self.last, self.waiting = phrase, []

    def _is_main(self, phrase: Phrase) -> bool:
        if self.main is None or phrase is self.main:
            return phrase is self.main
        if phrase.is_another or _is_owned(self.last):
            return False
        if phrase.after == "copula" and self.names:
            return True
        named_again = phrase.head == self.main.head
        return named_again and (not phrase.hangs or self.subject is False)

    def word(self, word: Word) -> None:
        """Read a word that is in no noun phrase."""
        if word.kind == "look":
            self._look(word)
        elif word.kind in ("pronoun", "relative"):
            self._pronoun(word)
        elif word.text in MADE and _hangs(self.last):
            self.aside = True  # `a base made of metal`
        elif word.kind in ("stop", "comma", "there"):
            self.names = self.aside = False
            if word.kind != "comma":
                self.subject = None
        if word.kind != "look":
            self.waiting = []
        if word.kind != "determiner":
            self.last = word

    def _look(self, word: Word) -> None:
        self.waiting.append(word)
        about_main = self.subject or (self.subject is None and bool(self.mains))
        if about_main and not self.aside and word.text not in PLACE_NOUNS:
            self._say((word,))

    def _pronoun(self, word: Word) -> None:
        if word.kind == "relative" and _hangs(self.last):
            self.aside = True
            return
        self.pronouns.append((word.start, word.end))
        if isinstance(self.last, Word) and self.last.kind in ("relation", "link"):
            return
        if word.text in NUMBERS:
            self._say(self.waiting)
        self.subject = self.names = True
        self.aside = False

    def _say(self, looks: Sequence[Word]) -> None:
        self.attributes |= {(word.start, word.end) for word in looks}


def _hangs(part: Word | Phrase | None) -> bool:
    return isinstance(part, Phrase) and part.hangs


def _is_owned(part: Word | Phrase | None) -> bool:
    return isinstance(part, Word) and part.text == "whose"
