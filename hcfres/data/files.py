"""Bytes, text and JSON from files nobody vouches for, and whole files or none when writing."""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hcfres.data.errors import DataError, too_many
from hcfres.store.errors import writing_failed

T = TypeVar("T")

LARGEST = 4 << 30
"""Bytes; a larger file is refused before it is read."""
LARGEST_JSON = 256 << 20
"""Bytes; JSON takes some ten times its size in memory, and more where much of it is wrong."""
_TOLD = 12


def read_bytes(path: Path, way_out: str = "", largest: int = LARGEST) -> bytes:
    """Return a file's content.

    Raises:
        DataError: there is no such file, it cannot be read, or it is larger than `largest` bytes.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise DataError(path, "this is not a file", way_out)
        if size > largest:
            raise DataError(
                path, f"{size} bytes are more than the {largest} that are read", way_out
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(path, "there is no such file", way_out) from None
    except DataError:
        raise
    except ValueError:  # a zero in a name, which some file gave
        raise DataError(path, "this is no file's name", way_out) from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", way_out) from error


def read_text(path: Path, way_out: str = "") -> str:
    """Return a UTF-8 file's text, line ends as newlines, without a byte order mark.

    Raises:
        DataError: as `read_bytes`, or the bytes are not UTF-8.
    """
    try:
        text = read_bytes(path, way_out).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, "this is not UTF-8 text", way_out, f"byte {error.start}") from None
    return text.replace("\r\n", "\n")


def read_json(
    path: Path,
    parse: Callable[[bytes], T],
    way_out: str = "",
    largest: int = LARGEST_JSON,
    keys_once: bool = False,
) -> T:
    """Return a JSON file's content as `parse` makes it, a pydantic `validate_json`.

    Args:
        keys_once: refuse an object that has a key twice; else its last value counts. The file is
            parsed a second time for it.

    Raises:
        DataError: as `read_bytes`; or the content differs from the form, all differences named.
    """
    content = read_bytes(path, way_out, largest)
    try:
        made = parse(content)
        if keys_once and (twice := _keys_given_twice(content)):
            told = [f"the key {key[:60]!r} comes twice in one object" for key in twice[:_TOLD]]
            reason = too_many(told, more=len(twice) - len(told)).rstrip()
            raise DataError(path, reason, way_out)
        return made
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        told = [f"{_place(item['loc'])}{item['msg']}{_found(item)}" for item in found[:_TOLD]]
        raise DataError(
            path, too_many(told, more=len(found) - len(told)).rstrip(), way_out
        ) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder when there is none.

    Unlike the store's files it is not forced onto the disk: a dataset has hundreds of frames and is
    believed only when its maker has finished.

    Raises:
        StoreError: the disk is full or refuses.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise writing_failed(path, error) from error
        raise


def _keys_given_twice(content: bytes) -> list[str]:
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(key for key, _ in pairs)
        found.extend(key for key, count in counts.items() if count > 1)

    json.loads(content, object_pairs_hook=look)
    return found


def _place(location: tuple[int | str, ...]) -> str:
    if not location:
        return ""
    first, *rest = location
    head = f"[{first}]" if isinstance(first, int) else first
    return head + "".join(f"[{r}]" if isinstance(r, int) else f".{r}" for r in rest) + ": "


def _found(item: Any) -> str:
    if item["type"] in ("missing", "json_invalid"):
        return ""
    value = item["input"]
    said = f"a {type(value).__name__}" if isinstance(value, dict | list) else repr(str(value)[:60])
    return f", found {said}"
