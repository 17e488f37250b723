"""The words of the grammar: nouns for classes, adjectives for attributes, and their plurals.

A noun names one class only, so that no sentence is made false by a synonym or a hypernym
(`table` is never said of a desk).
"""

NOUNS: dict[str, tuple[str, ...]] = {
    "backpack": ("backpack", "rucksack"),
    "bed": ("bed",),
    "bookshelf": ("bookshelf", "bookcase"),
    "box": ("box",),
    "cabinet": ("cabinet", "cupboard"),
    "chair": ("chair",),
    "couch": ("couch", "sofa"),
    "curtain": ("curtain", "drape"),
    "desk": ("desk", "writing desk"),
    "door": ("door",),
    "lamp": ("lamp",),
    "monitor": ("monitor", "computer monitor", "screen"),
    "nightstand": ("nightstand", "night stand"),
    "picture": ("picture", "painting"),
    "pillow": ("pillow", "cushion"),
    "plant": ("plant", "potted plant"),
    "refrigerator": ("refrigerator", "fridge"),
    "stool": ("stool",),
    "table": ("table",),
    "trash can": ("trash can", "garbage can", "trash bin", "wastebasket"),
    "whiteboard": ("whiteboard", "marker board"),
    "window": ("window",),
}
"""For each ScanNet label, what an object of it may be called; the usual word comes first."""

CONFUSABLE: tuple[frozenset[str], ...] = (
    frozenset({"table", "desk", "nightstand", "stool"}),
    frozenset({"cabinet", "nightstand", "bookshelf", "refrigerator"}),
    frozenset({"chair", "stool", "couch"}),
    frozenset({"couch", "bed"}),
    frozenset({"picture", "whiteboard", "window"}),
    frozenset({"backpack", "box", "trash can"}),
)
"""Classes that people mix up: a sentence about an absent one is not used beside another."""

COLOURS: dict[str, tuple[str, ...]] = {
    "white": ("white", "white colored"),
    "black": ("black", "black colored"),
    "gray": ("gray", "grey"),
    "red": ("red", "red colored"),
    "green": ("green", "green colored"),
    "blue": ("blue", "blue colored"),
    "yellow": ("yellow", "yellow colored"),
    "orange": ("orange", "orange colored"),
    "brown": ("brown", "brown colored"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "pink colored"),
}

ALIKE_COLOURS: tuple[frozenset[str], ...] = (
    frozenset({"white", "gray"}),
    frozenset({"gray", "black"}),
    frozenset({"red", "orange"}),
    frozenset({"orange", "brown"}),
    frozenset({"orange", "yellow"}),
    frozenset({"red", "pink"}),
    frozenset({"purple", "pink"}),
    frozenset({"purple", "blue"}),
)
"""Colours that shading may turn into each other: too close for saying that one is absent."""

PATTERNS: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "unpatterned"),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted", "polka dot"),
    "checkered": ("checkered", "checked"),
}

SIZES: dict[str, tuple[str, ...]] = {
    "small": ("small", "little"),
    "medium": ("medium sized",),
    "large": ("large", "big"),
}

SHAPES: dict[str, tuple[str, ...]] = {
    "round": ("round", "circular"),
    "square": ("square",),
    "rectangular": ("rectangular",),
    "tall": ("tall",),
    "low": ("low", "short"),
}

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_IRREGULAR = {"shelf": "shelves", "bookshelf": "bookshelves"}


def nouns(label: str) -> tuple[str, ...]:
    """What an object of the label may be called; the label itself when the lexicon lacks it."""
    return NOUNS.get(label, (label,))


def plural(noun: str) -> str:
    """The noun for several: `boxes`, `trash cans`, `bookshelves`."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def article(word: str) -> str:
    """`a` or `an`, by the word's first letter."""
    return "an" if word[0] in "aeiou" else "a"


def confusable(label: str) -> frozenset[str]:
    """The other classes that people may mean by the label's words."""
    groups = [group for group in CONFUSABLE if label in group]
    return frozenset().union(*groups) - {label}


def alike_colours(colour: str) -> frozenset[str]:
    """The other colours that may be taken for this one."""
    groups = [group for group in ALIKE_COLOURS if colour in group]
    return frozenset().union(*groups) - {colour}
