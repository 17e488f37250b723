"""Surface templates: the ways of turning a meaning into a sentence.

Slots: {the} a definite noun phrase with its adjectives, {a} an indefinite one, {bare} and {a_bare}
the same without adjectives, {facts} the adjectives as a predicate, {where} what follows the noun,
{is_where} the same after a form of `to be`, {is}, {they}, {these} agreeing in number.
"""

import random
import re
from dataclasses import dataclass

from hcfres.data.rooms.forms import Attribute, Form, Meaning, Negated
from hcfres.data.rooms.phrases import Phrase, Speaker, joined

PLAIN = (
    "{the}",
    "{the} in the room",
    "find {the}",
    "show me {the}",
    "please select {the}",
    "segment {the}",
    "point at {the}",
    "i am looking for {the}",
    "where {is} {the}?",
    "{these} {is} {a}",
    "there {is} {a} in the room",
    "{bare} that {is} {facts}",
    "look for {bare}, which {is} {facts}",
    "{these} {is} {a_bare}. {they} {is} {facts}",
    "can you see {the}?",
)
"""For meanings with nothing after the noun."""

LOCATED = (
    "{the} {where}",
    "the room has {a} {where}",
    "find {the} {where}",
    "{the} that {is} {is_where}",
    "{the}, which {is} {is_where}",
    "{these} {is} {a}. {they} {is} {is_where}",
    "there {is} {a} {where}",
    "{where}, there {is} {a}",
    "show me {the} {where}",
    "please select {the} that {is} {is_where}",
    "i am looking for {the} {where}",
    "where {is} {the} {where}?",
    "{bare} {where}. {they} {is} {facts}",
    "look for {bare} that {is} {facts} and {is_where}",
    "{these} {is} {a_bare}. {they} {is} {facts}. {they} {is} {is_where}",
    "go to {the} {where}",
    "segment {the} that {is} {is_where}",
    "{a} {where}",
    "{they} {is} {a} {where}",
    "{these} {is} {a}, and {they} {is} {is_where}",
)
"""For meanings with a relation, a place or a distance."""

SCANREFER = (
    "this is {a}. it is {is_where}.",
    "this is {a_bare}. it is {facts}. it is {is_where}.",
    "there is {a} in the room. it is {is_where}.",
    "it is {a}. the {short} is {is_where}.",
    "{the} is {is_where}. it is {facts}.",
    "this {short} is {facts}. you can find it {where}.",
    "{a_bare}, it is {facts}. it is {is_where}.",
    "the {short} is {is_where}. the {short} is {facts}.",
)
"""Longer descriptions of one object, in the manner of ScanRefer."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sentence:
    """A finished sentence, the template it was made with, and what its phrases name."""

    phrase: Phrase
    template: str


def fitting(meaning: Meaning, templates: tuple[str, ...]) -> list[str]:
    """The templates that say the whole meaning and nothing empty."""
    form = meaning.form
    adjectives = any(isinstance(c, Attribute) for c in form.constraints)
    nearness = form.superlative is not None and form.superlative.kind in ("nearest", "farthest")
    after = nearness or any(not isinstance(c, Attribute) for c in form.constraints)
    negated = any(isinstance(c, Negated) for c in form.constraints)
    kept = []
    for template in templates:
        slots = set(_SLOT.findall(template))
        tells_where = bool(slots & {"where", "is_where"})
        if tells_where != after or ("facts" in slots and not adjectives):
            continue
        if nearness and slots & {"a", "a_bare"} and not slots & {"is_where"}:
            continue  # "a chair closest to the door" would leave open which one
        if negated and "{where}," in template:
            continue
        if adjectives and not slots & {"the", "a", "facts"}:
            continue
        kept.append(template)
    return kept


def choose(meaning: Meaning, used: str | None, rng: random.Random) -> str | None:
    """A template for the meaning other than the one used already; None where there is none."""
    every = fitting(meaning, PLAIN) + fitting(meaning, LOCATED)
    left = [template for template in every if template != used]
    return rng.choice(left) if left else None


def say(meaning: Meaning, targets: tuple[int, ...], template: str, speaker: Speaker) -> Sentence:
    """The meaning in words: the template's slots filled, the viewpoint before or after."""
    phrase = _filled(meaning.form, targets, template, speaker)
    end = "" if template.endswith(("?", ".")) else speaker.rng.choice((".", ".", ""))
    if meaning.stance is None:
        return Sentence(phrase + end, template)
    view = speaker.view(meaning.stance)
    many_clauses = "." in template
    if many_clauses or "?" in template or speaker.rng.random() < 0.6:
        return Sentence(view + ", " + phrase + end, template)
    return Sentence(phrase + ", " + view + end, template)


def _filled(form: Form, targets: tuple[int, ...], template: str, speaker: Speaker) -> Phrase:
    phrase, at = Phrase(""), 0
    for slot in _SLOT.finditer(template):
        phrase = phrase + template[at : slot.start()] + _slot(slot[1], form, targets, speaker)
        at = slot.end()
    return phrase + template[at:]


def _slot(name: str, form: Form, targets: tuple[int, ...], speaker: Speaker) -> Phrase:
    one = form.number == 1
    named = {
        "the": lambda: speaker.definite(form),
        "bare": lambda: speaker.definite(form, with_adjectives=False),
        "a": lambda: speaker.indefinite(form),
        "a_bare": lambda: speaker.indefinite(form, with_adjectives=False),
        "short": lambda: speaker.noun(form),
    }
    if name in named:
        return Phrase(named[name]()).naming(targets, "target")
    match name:
        case "facts":
            return Phrase(" and ".join(speaker.adjectives(form)))
        case "where":
            return joined(speaker.posts(form, after_be=False), " and ")
        case "is_where":
            return joined(speaker.posts(form, after_be=True), " and ")
        case _:
            agreeing = {"is": ("is", "are"), "they": ("it", "they"), "these": ("this", "these")}
            return Phrase(agreeing[name][0 if one else 1])
