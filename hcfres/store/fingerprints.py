"""Fingerprints of code that were found before, kept in the user's cache while no source changes.

Walking the code takes seconds, hashing the files milliseconds: asked again, a grid that is finished
is not kept waiting. The cache is `hcfres` in XDG_CACHE_HOME, or in `~/.cache`; it may be deleted.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic

_MOST = 20
"""States of the sources that are remembered."""


def remembered(roots: tuple[str, ...], folders: tuple[Path, ...], find: Callable[[], str]) -> str:
    """The fingerprint that `find` would find, without looking where that was done before.

    Args:
        roots: whose code it is of.
        folders: the packages that are read; what was found counts while every file in them is the
            same.
        find: walks the code. What it finds is kept unless a file was changed meanwhile.
    """
    sources, key = _at_first(folders), " ".join(roots)
    file = cache_folder() / f"fingerprints-{sources[:16]}.json"
    known = _read(file, sources)
    if key in known:
        return known[key]
    found = find()
    if _hash_of(folders) == sources:
        _keep(file, sources, known | {key: found})
    return found


def cache_folder() -> Path:
    """Where what can be found anew is kept for this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "hcfres"


def _keep(file: Path, sources: str, found: dict[str, str]) -> None:
    told = {"sources": sources, "found": found}
    with contextlib.suppress(StoreError, OSError):  # it costs seconds, and not the command
        write_atomic(file, json.dumps(told | {"sha256": _sum(told)}, indent=1).encode())
        kept = sorted(file.parent.glob("fingerprints-*.json"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_MOST]:
            old.unlink()


@lru_cache(maxsize=8)
def _at_first(folders: tuple[Path, ...]) -> str:
    """The hash of the sources as this process found them."""
    return _hash_of(folders)


def _hash_of(folders: Iterable[Path]) -> str:
    whole = hashlib.sha256(sys.version.encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            content = path.read_bytes()
            whole.update(f"{folder.name}/{path.relative_to(folder)} {len(content)}\n".encode())
            whole.update(content)
    return whole.hexdigest()


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
