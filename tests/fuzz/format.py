"""What a fuzz run has to know about a kind of file: whole examples, how it is read, its limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from hcfres.data.errors import DataError

LARGEST_SEED = 20_000
"""Bytes of an undamaged example."""


class Misread(AssertionError):
    """A reader accepted a file and returned something else than it says."""


@dataclass(frozen=True)
class Seed:
    """An undamaged example: a file, perhaps among others that belong to it."""

    name: str
    target: str
    """The file that will be damaged, relative to the folder of the example."""
    content: bytes
    """Of that file; at most LARGEST_SEED bytes."""
    others: tuple[tuple[str, bytes], ...] = ()
    """Names and contents of the files beside it, which stay whole."""


@dataclass(frozen=True)
class Format:
    """A kind of file that comes from outside."""

    name: str
    make: Callable[[], tuple[Seed, ...]]
    read: Callable[[Path], object]
    """Reads the damaged file and raises Misread where what it returns is not what is there."""
    kind: Literal["binary", "text", "json"]
    refusals: tuple[type[Exception], ...] = (DataError,)
    """What the reader may raise, one of them."""
    memory_mib: int = 64
    """The stated bound: how much the address space may grow while files of this kind are read."""
    edits: tuple[Callable[[bytes, Random], bytes], ...] = ()
    """Changes that know the format, such as a header field with its checksum made right again."""
    writes: bool = False
    """The reader makes files, in the folder `out` beside the example and nowhere else."""


def one_file(name: str, **contents: bytes) -> tuple[Seed, ...]:
    """Examples that are one file each, called `name`."""
    return tuple(Seed(key, name, content) for key, content in contents.items())


def require(true: object, what: str) -> None:
    """Raise Misread unless `true`."""
    if not true:
        raise Misread(what)


def seeds_within_limits(seeds: tuple[Seed, ...]) -> Mapping[str, Seed]:
    """The examples by name.

    Raises:
        ValueError: two of one name, or one of more than LARGEST_SEED bytes.
    """
    named = {seed.name: seed for seed in seeds}
    large = [seed.name for seed in seeds if len(seed.content) > LARGEST_SEED]
    if len(named) != len(seeds) or large:
        raise ValueError(f"seeds {[seed.name for seed in seeds]}, too large: {large}")
    return named
