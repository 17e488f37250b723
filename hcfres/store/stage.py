"""A stage: a named, versioned step whose results are kept."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from hcfres.store.closure import Closure, closure
from hcfres.store.modules import Package

V = TypeVar("V")

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stage(Generic[V]):
    """What makes a value of the class `value`."""

    name: str
    version: int
    """Raised by hand when the stage's meaning changes: every key changes with it."""
    value: type[V]
    """A dataclass of arrays."""
    maker: str
    """The function that makes it, `package.module:name`; imported when something is made."""
    expensive: bool = False
    """Results of other code are never thrown away unasked."""
    unchanged: frozenset[str] = frozenset()
    """Fingerprints of earlier code of this version that made the same values."""

    def make(self, *arguments: Any) -> V:
        """Call the maker."""
        module, _, name = self.maker.partition(":")
        return cast(V, getattr(import_module(module), name)(*arguments))

    def closure(self) -> Closure:
        """The code that the maker reaches."""
        return closure(self.maker, _sources(_root(self.maker)))

    def fingerprint(self) -> str:
        """Identify the code that the maker reaches, as it is on the disk now."""
        return _fingerprint(self.maker)

    def is_own(self, fingerprint: str) -> bool:
        """Whether code of this fingerprint makes the values that today's code makes."""
        return fingerprint == self.fingerprint() or fingerprint in self.unchanged


@lru_cache(maxsize=256)
def _fingerprint(maker: str) -> str:
    return closure(maker, _sources(_root(maker))).fingerprint()


@lru_cache(maxsize=8)
def _sources(root: Path) -> Package:
    return Package(root)


def _root(maker: str) -> Path:
    first = maker.split(".")[0]
    if first == PACKAGE.name:
        return PACKAGE
    return Path(str(import_module(first).__file__)).parent
