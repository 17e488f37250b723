"""Fingerprints of code that were found before, kept in the user's cache while no source changes.

Walking the code takes seconds, hashing the files milliseconds: asked again, a grid that is finished
is not kept waiting. The cache is `hcfres` in XDG_CACHE_HOME, or in `~/.cache`; it may be deleted.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic
from hcfres.store.modules import Package

_MOST = 20
"""States of the sources that are remembered."""


def remembered(roots: tuple[str, ...], package: Package, find: Callable[[], str]) -> str:
    """The fingerprint that `find` would find, without looking where that was done before.

    Args:
        roots: whose code it is of.
        package: what is read; what was found counts for the very same sources.
        find: walks the code of `package`.
    """
    if (folder := cache_folder()) is None:
        return find()
    parts = (package, *package.beside)
    sources = " ".join(f"{part.name}={part.sources.sha256}" for part in parts)
    name = hashlib.sha256(sources.encode()).hexdigest()[:16]
    file, key = folder / f"fingerprints-{name}.json", " ".join(roots)
    known = _read(file, sources)
    if key not in known:
        known = known | {key: find()}
        _keep(file, sources, known)
    return known[key]


def cache_folder() -> Path | None:
    """Where what can be found anew is kept for this user; None where there is no such place."""
    place = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(place) / "hcfres" if os.path.isabs(place) else None


def _keep(file: Path, sources: str, found: dict[str, str]) -> None:
    told = {"sources": sources, "found": found}
    with contextlib.suppress(StoreError, OSError):  # it costs seconds, and not the command
        write_atomic(file, json.dumps(told | {"sha256": _sum(told)}, indent=1).encode())
        kept = sorted(file.parent.glob("fingerprints-*.json"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_MOST]:
            old.unlink()


def _read(file: Path, sources: str) -> dict[str, str]:
    """What is known of these sources; nothing where the file is of others, or damaged."""
    try:
        told = json.loads(file.read_bytes())
        kept = told.pop("sha256")
        found: dict[str, str] = told["found"]
        return found if told["sources"] == sources and kept == _sum(told) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _sum(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
