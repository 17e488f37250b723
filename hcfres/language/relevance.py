"""Which object classes a sentence names, for the soft relevance label of superpoints."""

import re
from collections.abc import Sequence
from functools import cache

from hcfres.data.rooms.words import nouns, plural


def named_classes(description: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels among `labels` that the description names, in their order.

    Singular and plural count, and so do synonyms and names of two words; a word that is part of a
    longer class name is not counted for itself (`table` in `coffee table`). Labels may be written
    with underscores for spaces.
    """
    text = description.lower()
    found = set()
    names = {name: label for label in labels for name in _names(label.replace("_", " ").lower())}
    for name in sorted(names, key=lambda name: (-len(name), name)):
        text, count = re.subn(rf"(?<!\w){re.escape(name)}(?!\w)", " . ", text)
        if count:
            found.add(names[name])
    return tuple(label for label in labels if label in found)


@cache
def _names(label: str) -> tuple[str, ...]:
    """Everything the class may be called; the label's own words come last and win."""
    every = [*nouns(label), label]
    return (*(plural(name) for name in every), *every)
