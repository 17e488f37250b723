"""Reading a search's file: every path and every value of its space is checked before any runs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from hcfres.config.base import Config
from hcfres.config.identity import NOT_IDENTITY
from hcfres.config.loading import ConfigError, parse, read_toml
from hcfres.config.method import MethodConfig
from hcfres.config.problems import nearest, shorten
from hcfres.config.rows import method_beside, require_named
from hcfres.config.search import Choices, HyperbandConfig, Range, SearchConfig, Value
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import setting_asking, setting_path_beside
from hcfres.config.space import Knob, Space, named_after, shown, value_at

_NAMES = NOT_IDENTITY[MethodConfig]
_OF_KNOBS = {*Choices.model_fields, *Range.model_fields}
_Found = tuple[Knob | None, list[str]]
_FARTHEST = 1_000_000
_MOST_SHOWN = 20
"""Values that a message names."""


@dataclass(frozen=True)
class Search:
    """A search's file with its space built."""

    name: str
    """The file's name, e.g. `search_fusion`."""
    config: SearchConfig
    space: Space
    source: Path

    def setting(self, name: str | None = None) -> SettingConfig:
        """The named setting (else the file's own), asking this search's expressions.

        Args:
            name: of a file in `settings/` beside this one, or the path of a file.

        Raises:
            ConfigError: it is not there, not valid, or no search can decide on it.
        """
        setting = setting_asking(self.config.dataset, self.setting_path(name))
        wrong, pruner, epochs = [], self.config.pruner, setting.training.epochs
        if setting.data.held_out == 0:
            wrong.append("data.held_out is 0, and a search decides by held-out training spaces")
        if "best_validation" in setting.training.keep:
            wrong.append("training.keep names best_validation, and a search never reads validation")
        if isinstance(pruner, HyperbandConfig) and pruner.min_epochs > epochs:
            wrong.append(f"it has {epochs} epochs, and pruner.min_epochs is {pruner.min_epochs}")
        if wrong:
            raise ConfigError(f"setting {setting.name} cannot be searched on: {'; '.join(wrong)}")
        return setting

    def setting_path(self, name: str | None = None) -> Path:
        """The file that `setting` reads."""
        return setting_path_beside(self.source, name or self.config.setting)


def load_search(path: Path) -> Search:
    """Read a search's file and build its space.

    The base and the settings are found beside it, in `methods/` and `settings/`.

    Raises:
        ConfigError: anything wrong with the file or the base's; all problems of the space at once.
    """
    require_named(path.stem, str(path))
    raw = read_toml(path)
    if isinstance(raw.get("space"), dict):
        raw["space"] = _flat(raw["space"])
    config = parse(raw, SearchConfig, str(path))
    base = method_beside(path, config.base)
    require_named(named_after(base, base), f"{path}: what its values make of {base.name}")
    knobs: list[Knob] = []
    problems: list[str] = []
    for where, asked in config.space.items():
        knob, wrong = _knob(base, where, asked)
        if knob is not None:
            wrong = _wrong(knob, tuple(config.space), knobs, config.sampler.kind == "grid")
            knobs.append(knob)
        problems += [f"  space.{where}: {line}" for line in wrong]
    if problems:
        raise ConfigError(f"{path} is not a valid search:\n" + "\n".join(problems))
    return Search(path.stem, config, Space(base, tuple(knobs)), path)


def _knob(base: MethodConfig, where: str, asked: Choices | Range) -> _Found:
    """The knob with values as a method holds them, or what is wrong with its path and values."""
    fields = dict(_leaves(MethodConfig))
    if where not in fields:
        return None, [_no_value(where, fields)]
    try:
        own = value_at(base, where)
    except KeyError:
        return None, [f"the base {base.name} has no such table"]
    whole = isinstance(own, int) and not isinstance(own, bool)
    if isinstance(asked, Range):
        if bad := _bad_range(own, asked, whole):
            return None, [bad]
        ends = [int(end) if whole and end.is_integer() else end for end in (asked.low, asked.high)]
        wrong = _typed(fields[where], ends)[1]
        return (None, wrong) if wrong else (Knob(where, own, asked, whole), [])
    values, wrong = _typed(fields[where], asked.choices)
    chosen = asked.model_copy(update={"choices": tuple(values)})
    return (None, wrong) if wrong else (Knob(where, own, chosen, whole), [])


def _bad_range(own: Value, asked: Range, whole: bool) -> str:
    """Why a value of the base is tried in no such range; "" where it may be."""
    if not whole and not isinstance(own, float):
        return f"a range is of numbers, and this holds {shown(own)}; give choices"
    if asked.low >= asked.high or (asked.log and asked.low <= 0):
        told = "above 0 and " if asked.log else ""
        return f"low {asked.low:g} must be {told}below high {asked.high:g}"
    if whole and max(abs(asked.low), abs(asked.high)) > _FARTHEST:
        return f"whole numbers are tried up to {_FARTHEST:,}, on either side of 0"
    return ""


def _wrong(knob: Knob, order: Sequence[str], earlier: Sequence[Knob], grid: bool) -> list[str]:
    """What is wrong with a knob beside the others."""
    told = []
    choices = knob.asked.choices if isinstance(knob.asked, Choices) else ()
    if len(set(map(repr, choices))) < len(choices):
        told.append("a choice stands there twice")
    if not knob.holds(knob.base):
        told.append(f"lacks the base's own value {shown(knob.base)}: the base is the first trial")
    if grid and knob.values is None:
        told.append("a grid takes choices or whole numbers, and this range has endlessly many")
    for path, wanted in knob.asked.when.items():
        if path not in order[: order.index(knob.path)]:
            told.append(f"when.{path}: names no value that stands before this one in the space")
        for other in (other for other in earlier if other.path == path):
            foreign = [shown(one) for one in wanted if not other.holds(one)]
            if foreign or not wanted:
                known = ", ".join(map(shown, (other.values or ())[:_MOST_SHOWN]))
                never = ", ".join(foreign) or "nothing"
                told.append(f"when.{path}: {never} is not among its values {known}")
    return told


def _typed(field: FieldInfo, values: Sequence[Value]) -> tuple[list[Value], list[str]]:
    """The values as the field holds them, and a line for each that it does not take."""
    kind: Any = field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(
        Annotated[kind, *field.metadata] if field.metadata else kind
    )
    taken: list[Value] = []
    wrong: list[str] = []
    for value in values:
        try:
            taken.append(adapter.validate_json(json.dumps(value), strict=True))
        except ValidationError as error:
            reason = shorten(error.errors(include_url=False)[0]["msg"], 160)
            wrong.append(f"{reason} (got {shorten(repr(value))})")
    return taken, wrong


def _leaves(kind: type[Config], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every value of a configuration by its dotted path, tables opened."""
    for name, field in kind.model_fields.items():
        parts = get_args(field.annotation) or (field.annotation,)
        inside = [part for part in parts if isinstance(part, type) and issubclass(part, Config)]
        if inside:
            yield from _leaves(inside[0], f"{prefix}{name}.")
        elif f"{prefix}{name}" not in _NAMES:
            yield f"{prefix}{name}", field


def _no_value(where: str, fields: dict[str, FieldInfo]) -> str:
    """Why a path is none that a search may change."""
    first = where.partition(".")[0]
    if where in _NAMES:
        return "what a method is called changes no number"
    if inside := [path for path in fields if path.startswith(f"{where}.")]:
        return f"is a table; name one of its values: {', '.join(inside)}"
    if first not in MethodConfig.model_fields and first in ("setting", *SettingConfig.model_fields):
        return (
            "belongs to the setting, which a search leaves as it is: its winner is a method, and "
            "is compared with the base under the same budget"
        )
    return f"unknown key; {nearest(where, sorted(fields), 'known keys')}"


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables by dotted paths, down to those that describe a knob; conditions likewise."""
    told: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and not value.keys() & _OF_KNOBS:
            told |= _flat(value, f"{path}.")
        elif isinstance(value, dict) and isinstance(value.get("when"), dict):
            told[path] = value | {"when": _flat(value["when"])}
        else:
            told[path] = value
    return told
