"""What a parser finds in a description."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Span = tuple[int, int]
"""First character and one past the last, in the utterance."""

PREFIX = "this is an object . "
"""Put before a description in which no object is found."""

_BROKEN = re.compile(r"[\ud800-\udfff]")
"""Halves of characters, which no encoding of text can hold."""


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
    """Spatial expressions, whatever they relate."""

    @property
    def spans(self) -> tuple[tuple[Span, ...], ...]:
        """The spans of each map, in the order of TOKEN_MAPS."""
        return self.main, self.attributes, self.pronouns, self.others, self.relations


@runtime_checkable
class Parser(Protocol):
    """What finds the scene graph of a description; the registry knows the parsers by name."""

    def parse(self, descriptions: Sequence[str]) -> list[SceneGraph]:
        """The graph of each description. Any string has one, and each names a main object."""
        ...


def utterance_of(description: str) -> str:
    """The description with its white space made single, and broken characters replaced."""
    return _BROKEN.sub("\N{REPLACEMENT CHARACTER}", " ".join(description.split()))
