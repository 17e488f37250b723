"""Pydantic's errors in plain words: where, what is wrong, and what was meant."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hcfres.config.base import Config

MOST_LINES = 20
MOST_LETTERS = 60
MOST_NAMES = 12

Place = tuple[str | int, ...]


def tell(error: ValidationError, kind: type[Config]) -> list[str]:
    """One line a problem, at most MOST_LINES; a value is quoted short and a table never."""
    problems = _of_the_meant_member(error.errors(include_url=False), kind)
    lines = [_explain(problem, kind) for problem in problems[:MOST_LINES]]
    if len(problems) > MOST_LINES:
        lines.append(f"  ... and {len(problems) - MOST_LINES} more")
    return lines


def nearest(word: str, known: Sequence[str], called: str) -> str:
    """`did you mean`, or the names there are."""
    close = difflib.get_close_matches(word[:MOST_LETTERS], known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    more = f", ... ({len(known)} in all)" if len(known) > MOST_NAMES else ""
    return f"{called}: {', '.join(known[:MOST_NAMES]) or 'none'}{more}"


def shorten(text: str, most: int = MOST_LETTERS) -> str:
    """`text` on one line, its middle left out when it is longer than `most`."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 14]} ... {text[-9:]}"


def _explain(problem: ErrorDetails, kind: type[Config]) -> str:
    place = _without_tags(problem["loc"], kind)
    where = ".".join(shorten(str(step)) for step in place) or "(file)"
    if problem["type"] == "missing":
        return f"  {where}: required, and not given"
    if problem["type"] == "extra_forbidden":
        known = sorted({n for c in _configs_at(place[:-1], kind) for n in c.model_fields})
        return f"  {where}: unknown key; {nearest(str(place[-1]), known, 'known keys')}"
    message = shorten(problem["msg"].removeprefix("Value error, "), 240)
    got = problem["input"]
    if isinstance(got, dict | list):
        return f"  {where}: {message}"
    return f"  {where}: {message} (got {shorten(repr(got))})"


def _of_the_meant_member(problems: list[ErrorDetails], kind: type[Config]) -> list[ErrorDetails]:
    """Where a union of tables failed, only the problems of the member that was nearly right."""
    members: dict[tuple[Place, str], list[ErrorDetails]] = {}
    for problem in problems:
        for place, tag in _tags(problem["loc"], kind):
            members.setdefault((place, tag), []).append(problem)
    best: dict[Place, str] = {}
    for (place, tag), own in members.items():
        rival = best.get(place)
        if rival is None or _wrongness(own) < _wrongness(members[place, rival]):
            best[place] = tag
    return [p for p in problems if all(best[at] == tag for at, tag in _tags(p["loc"], kind))]


def _wrongness(problems: Iterable[ErrorDetails]) -> int:
    keys = ("missing", "extra_forbidden", "model_type")
    return sum(10 if problem["type"] in keys else 1 for problem in problems)


def _tags(loc: Place, kind: type[Config]) -> list[tuple[Place, str]]:
    """The steps of `loc` that name a member of a union, which is no key of the file."""
    tags: list[tuple[Place, str]] = []
    choices: tuple[Any, ...] = (kind,)
    for number, step in enumerate(loc):
        if tagged := [c for c in _members(choices) if len(choices) > 1 and _is_tag(c, step)]:
            tags.append((loc[:number], str(step)))
            choices = (tagged[0],)
        else:
            choices = _below(choices, step)
    return tags


def _without_tags(loc: Place, kind: type[Config]) -> Place:
    tags = {len(place) for place, _ in _tags(loc, kind)}
    return tuple(step for number, step in enumerate(loc) if number not in tags)


def _configs_at(place: Place, kind: type[Config]) -> list[type[Config]]:
    choices: tuple[Any, ...] = (kind,)
    for step in place:
        choices = _below(choices, step)
    return _members(choices)


def _members(choices: tuple[Any, ...]) -> list[type[Config]]:
    return [c for c in choices if isinstance(c, type) and issubclass(c, Config)]


def _is_tag(member: type[Config], step: str | int) -> bool:
    literals = [a for f in member.model_fields.values() for a in get_args(f.annotation)]
    return step == member.__name__ or (step in literals and step not in member.model_fields)


def _below(choices: tuple[Any, ...], step: str | int) -> tuple[Any, ...]:
    """What may stand one step further down: a field's, an element's or a value's types."""
    found: list[Any] = []
    for choice in choices:
        if isinstance(choice, type) and issubclass(choice, Config):
            if step in choice.model_fields:
                found += _alternatives(choice.model_fields[str(step)].annotation)
        elif get_origin(choice) in (tuple, list):
            found += [a for arg in get_args(choice) if arg is not ... for a in _alternatives(arg)]
        elif get_origin(choice) in (dict, Mapping):
            found += _alternatives(get_args(choice)[1])
    return tuple(found)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return tuple(a for part in get_args(annotation) for a in _alternatives(part))
    return (annotation,)
