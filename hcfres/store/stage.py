"""A stage: a named, versioned step whose results are kept."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from hcfres.store.closure import Closure, closure
from hcfres.store.errors import StoreError
from hcfres.store.fingerprints import remembered
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
    also: tuple[str, ...] = ()
    """Functions and classes that the maker is only handed, whose code decides the value too."""
    expensive: bool = False
    """Results of other code are never thrown away unasked."""
    unchanged: frozenset[str] = frozenset()
    """Fingerprints of earlier code of this version that made the same values."""

    @property
    def roots(self) -> tuple[str, ...]:
        """All that is named of the code that decides the value."""
        return (self.maker, *self.also)

    def make(self, *arguments: Any, **named: Any) -> V:
        """Call the maker."""
        module, _, name = self.maker.partition(":")
        return cast(V, getattr(import_module(module), name)(*arguments, **named))

    def closure(self) -> Closure:
        """The code that the maker reaches."""
        return closure(self.roots, sources(self.maker))

    def fingerprint(self) -> str:
        """Identify the code that the maker reaches, as this process found it on the disk."""
        return code_fingerprint(self.roots)

    def is_own(self, fingerprint: str) -> bool:
        """Whether code of this fingerprint makes the values that today's code makes."""
        return fingerprint == self.fingerprint() or fingerprint in self.unchanged


_parsing = Lock()
"""Python 3.11 raises a SystemError now and then where two threads parse at once."""


def code_fingerprint(roots: tuple[str, ...]) -> str:
    """Identify the code that functions and classes of the first one's package reach."""
    with _parsing:
        return _fingerprint(roots)


@lru_cache(maxsize=256)
def _fingerprint(roots: tuple[str, ...]) -> str:
    package = sources(roots[0])
    return remembered(roots, package, lambda: closure(roots, package).fingerprint())


def sources(reference: str) -> Package:
    """The package of a `package.module:name`, its modules parsed once in this process.

    Another package than this one is found without being imported, and read together with this one.
    """
    first = reference.partition(".")[0]
    if first == PACKAGE.name:
        return _parsed(PACKAGE)
    found = find_spec(first)
    if found is None or not found.submodule_search_locations:
        raise StoreError(f"there is no package {first} here, which {reference} names")
    return _parsed(Path(found.submodule_search_locations[0]))


@lru_cache(maxsize=8)
def _parsed(root: Path) -> Package:
    return Package(root, beside=() if root == PACKAGE else (_parsed(PACKAGE),))
