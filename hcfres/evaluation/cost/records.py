"""What was measured, as values that are kept in a file and read again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from hcfres.data.errors import DataError
from hcfres.evaluation.cost.measure import SceneCost
from hcfres.evaluation.cost.one_off import OneOff
from hcfres.evaluation.cost.parameters import Parameters
from hcfres.evaluation.cost.rig import Rig
from hcfres.store.files import write_atomic

T = TypeVar("T")


@dataclass(frozen=True)
class CostRecord:
    """A method in a setting on a rig."""

    rig: Rig
    method: str
    title: str
    """As the paper prints it."""
    setting: str
    text: str
    """Which text encoder, and whether its weights are its own."""
    parts: dict[str, Parameters]
    """Of the network, then of the text encoder."""
    scenes: tuple[SceneCost, ...]
    one_off: OneOff | None
    """None when it was not asked for."""

    @property
    def reference(self) -> SceneCost:
        """The scene of middle size."""
        ordered = sorted(self.scenes, key=lambda scene: scene.points)
        return ordered[len(ordered) // 2]


@dataclass(frozen=True)
class Way:
    """One way to decode, timed in turns with others."""

    name: str
    forward_ms: float
    both_ms: float
    """Forward and backward; medians, as the forward one."""


@dataclass(frozen=True)
class Operation:
    """A kind of operation in one forward pass of ours."""

    name: str
    share: float
    """Of the device's time, its own callees left out."""
    calls: int


@dataclass(frozen=True)
class DecoderRecord:
    """Ways to decode the same sentences with the same weights."""

    rig: Rig
    title: str
    """Of the method."""
    seeds: int
    queries: int
    superpoints: int
    expressions: int
    tokens: int
    repeats: int
    ways: tuple[Way, ...]
    """The plain loops first, ours last."""
    profile: tuple[Operation, ...]
    """The longest first."""
    difference: float
    """The largest between the masks of first and last, as a share of the largest logit."""


def write_records(path: Path, kind: type[T], *records: T) -> None:
    """Keep records of one kind as JSON."""
    text = TypeAdapter(list[kind]).dump_json(list(records), indent=1)  # type: ignore[valid-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text + b"\n")


def read_records(path: Path, kind: type[T]) -> tuple[T, ...]:
    """Read what `write_records` kept.

    Raises:
        DataError: the file holds something else.
    """
    try:
        found: list[T] = TypeAdapter(list[kind]).validate_json(path.read_bytes())  # type: ignore[valid-type]
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the file"
        raise DataError(
            path, f"no {kind.__name__} of this version", "Measure it again and --write it", where
        ) from None
    return tuple(found)
