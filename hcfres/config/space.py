"""The space of a search: the methods that its values make of the base."""

import contextlib
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hcfres.config.experiment import merge
from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError, parse
from hcfres.config.method import MethodConfig
from hcfres.config.names import LONGEST_TITLE
from hcfres.config.problems import shorten
from hcfres.config.search import Choices, Range, Value

Values = dict[str, Value]
"""By path, of the knobs that are asked for; the others keep the base's value."""


@dataclass(frozen=True)
class Knob:
    """One value of the base method that a search may change."""

    path: str
    base: Value
    """The base method's own; always among those that may be chosen."""
    asked: Choices | Range
    """With values of the field's own type."""
    whole: bool
    """Whether a range holds whole numbers only."""

    @property
    def values(self) -> Sequence[Value] | None:
        """All that may be chosen, in order; None where there are endlessly many."""
        if isinstance(self.asked, Choices):
            return self.asked.choices
        low, high = self.asked.low, self.asked.high
        return range(math.ceil(low), math.floor(high) + 1) if self.whole else None

    @property
    def extremes(self) -> Sequence[Value]:
        """The choices, or the two ends of a range."""
        if isinstance(self.asked, Choices):
            return self.asked.choices
        whole = self.values
        return (self.asked.low, self.asked.high) if whole is None else (whole[0], whole[-1])

    def holds(self, value: Value) -> bool:
        """Whether `value` may be chosen."""
        if isinstance(self.asked, Choices):
            return any(same(value, choice) for choice in self.asked.choices)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return self.asked.low <= value <= self.asked.high

    def is_asked(self, values: Values) -> bool:
        """Whether the condition holds: every knob it names was asked for and has such a value."""
        return all(
            path in values and any(same(values[path], one) for one in wanted)
            for path, wanted in self.asked.when.items()
        )

    def draw(self, rng: random.Random) -> Value:
        """Choose at random, each choice or, in a range, each length or ratio equally likely."""
        if (values := self.values) is not None:
            return rng.choice(values)
        assert isinstance(self.asked, Range)
        low, high = self.asked.low, self.asked.high
        if not self.asked.log:
            return rng.uniform(low, high)
        return min(max(math.exp(rng.uniform(math.log(low), math.log(high))), low), high)


@dataclass(frozen=True)
class Space:
    """The base method and what may be changed of it."""

    base: MethodConfig
    knobs: tuple[Knob, ...]

    def walk(self, choose: Callable[[Knob], Value]) -> Values:
        """Choose a value for each knob in turn, skipping those whose condition does not hold."""
        values: Values = {}
        for knob in self.knobs:
            if knob.is_asked(values):
                values[knob.path] = choose(knob)
        return values

    def draw(self, rng: random.Random) -> Values:
        """Choose everything at random."""
        return self.walk(lambda knob: knob.draw(rng))

    def points(self) -> Iterator[Values]:
        """Every point of a finite space once, the last knob changing fastest.

        Raises:
            ValueError: a range has endlessly many values.
        """
        return self._points({}, self.knobs)

    def neighbours(self) -> Iterator[MethodConfig]:
        """The base with one choice, or one end of a range, instead of its own value.

        What does not go together is left out.
        """
        for knob in self.knobs:
            for value in knob.extremes:
                with contextlib.suppress(ConfigError):
                    yield self.method({knob.path: value})

    @property
    def is_finite(self) -> bool:
        """Whether its points can be counted."""
        return all(knob.values is not None for knob in self.knobs)

    def size(self, most: int) -> int | None:
        """How many points there are; None where they are endless or more than `most`."""
        if not self.is_finite:
            return None
        counted = sum(1 for _ in itertools.islice(self.points(), most + 1))
        return counted if counted <= most else None

    def method(self, values: Values) -> MethodConfig:
        """The base with `values` put in, under a name of its own unless it is the base.

        Raises:
            ConfigError: these values do not go together.
        """
        changed = {path: value for path, value in values.items() if value != self.knob(path).base}
        if not changed:
            return self.base
        whole = self.base.model_dump(mode="json", exclude_none=True)
        whole = reduce(merge, (nested(path, value) for path, value in changed.items()), whole)
        said = ", ".join(f"{path} = {shown(value)}" for path, value in changed.items())
        made = parse(whole, MethodConfig, said)
        title = shorten(f"{self.base.title} with {said}", LONGEST_TITLE)
        return made.model_copy(update={"name": named_after(self.base, made), "title": title})

    def values_of(self, method: MethodConfig) -> Values | None:
        """The point at which `method` lies, whatever it is called; None outside the space."""
        try:
            values = self.walk(lambda knob: value_at(method, knob.path))
            inside = all(self.knob(path).holds(value) for path, value in values.items())
            return values if inside and digest(self.method(values)) == digest(method) else None
        except (ConfigError, KeyError):
            return None

    def full(self, values: Values) -> Values:
        """Every knob's value, those that were not asked for with the base's."""
        return {knob.path: values.get(knob.path, knob.base) for knob in self.knobs}

    def knob(self, path: str) -> Knob:
        """The knob of a path in the space."""
        return next(knob for knob in self.knobs if knob.path == path)

    def _points(self, values: Values, knobs: tuple[Knob, ...]) -> Iterator[Values]:
        if not knobs:
            yield values
            return
        first, rest = knobs[0], knobs[1:]
        if not first.is_asked(values):
            yield from self._points(values, rest)
            return
        if first.values is None:
            raise ValueError(f"{first.path} has endlessly many values")
        for value in first.values:
            yield from self._points(values | {first.path: value}, rest)


def named_after(base: MethodConfig, made: MethodConfig) -> str:
    """The name of what was made of a base."""
    return f"{base.name}-{digest(made)[:8]}"


def value_at(method: MethodConfig, path: str) -> Value:
    """What a method holds at the end of a dotted path.

    Raises:
        KeyError: it has no such table.
    """
    found: Any = method.model_dump(mode="json", exclude_none=True)
    for step in path.split("."):
        found = found[step]
    return tuple(found) if isinstance(found, list) else found


def nested(path: str, value: Value) -> dict[str, Any]:
    """The table that a dotted path with a value stands for."""
    *above, last = path.split(".")
    table: dict[str, Any] = {last: value}
    for step in reversed(above):
        table = {step: table}
    return table


def same(one: Value, other: Value) -> bool:
    """Whether two values are one; `true` is not 1, and 1 is not 1.0."""
    return type(one) is type(other) and one == other


def shown(value: Value) -> str:
    """A value as people write it: fractions in four digits, lists with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
