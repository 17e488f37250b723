"""What has to be known of a number before it may stand beside another: its passport."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from hcfres.config.method import MethodConfig
from hcfres.data.errors import DataError

Level = Literal["point", "superpoint", "box"]
"""What an IoU is of: vertices of the mesh, superpoints, or axis-aligned boxes."""


@dataclass(frozen=True)
class Given:
    """What a method had beside the point cloud and the sentence; None where nobody said."""

    frames: bool | None = None
    """Posed RGB-D images of the scan."""
    true_masks: bool | None = None
    """Ground-truth masks or boxes of the objects, as proposals."""
    viewpoint: bool | None = None
    """Where the speaker stood."""
    llm: bool | None = None
    """A large language model."""

    def __str__(self) -> str:
        """Name what was given: `frames`, `nothing else`, or `not said`."""
        told = vars(self)
        names = [_WORDS[name] for name, value in told.items() if value]
        unsaid = [_WORDS[name] for name, value in told.items() if value is None]
        if len(unsaid) == len(told):
            return "not said"
        said = ", ".join(names) or "nothing else"
        return f"{said} (not said: {', '.join(unsaid)})" if unsaid else said


_WORDS = {
    "frames": "frames",
    "true_masks": "ground-truth masks",
    "viewpoint": "viewpoint",
    "llm": "an LLM",
}
NOT_SAID = Given()
"""Of a system nobody described."""
GIVEN_NAMES = tuple(field.name for field in fields(Given))


def given_of(method: MethodConfig) -> Given:
    """What a method of ours is given: frames or not; never ground truth, viewpoint or an LLM."""
    return Given(method.semantics is not None, true_masks=False, viewpoint=False, llm=False)


@dataclass(frozen=True)
class Passport:
    """The conditions of a number; two numbers compare where COMPARED is equal."""

    level: Level
    thresholds: tuple[float, ...]
    """The k of Acc@k or F1@k."""
    strict: bool
    """An IoU counts above k (True), or from k on (False)."""
    min_points: int
    """Fewer predicted vertices than this are an answer of "nothing"; 0: no such rule."""
    dataset: str
    """Name of the annotations."""
    split: str
    split_hash: str
    """Of the annotations of the split."""
    given: Given = NOT_SAID

    def __str__(self) -> str:
        """Say the passport in a line."""
        above = "above" if self.strict else "from"
        steps = " and ".join(f"{value:g}" for value in self.thresholds)
        rule = f", fewer than {self.min_points} vertices are no answer" if self.min_points else ""
        where = f"{self.dataset} {self.split} {self.split_hash[:12]}"
        return f"{self.level}-level IoU {above} {steps}{rule}; {where}; given: {self.given}"


COMPARED = ("level", "thresholds", "strict", "min_points", "dataset", "split", "split_hash")
"""Fields that are equal in numbers of one table; what a method was given is said beside it."""
_PASSPORTS: TypeAdapter[tuple[Passport, ...]] = TypeAdapter(tuple[Passport, ...])


def differences(one: Passport, other: Passport) -> tuple[str, ...]:
    """Name the fields of COMPARED in which two passports differ, with both values."""
    return tuple(
        f"{name} ({getattr(one, name)} / {getattr(other, name)})"
        for name in COMPARED
        if getattr(one, name) != getattr(other, name)
    )


def passports_json(passports: tuple[Passport, ...]) -> list[dict[str, Any]]:
    """Passports as they are kept in JSON."""
    return [asdict(passport) for passport in passports]


def read_passports(source: str, told: str | bytes) -> tuple[Passport, ...]:
    """Passports from JSON.

    Raises:
        DataError: a field is missing, unknown in kind, or not of its type.
    """
    try:
        return _PASSPORTS.validate_json(told, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"no passports: {place}: {first['msg']}"
        raise DataError(source, reason, "Evaluate again to write them anew") from None
