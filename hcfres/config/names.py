"""What may become part of a path, a command or a label: a closed alphabet, checked when read."""

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

LONGEST_NAME = 100
LONGEST_TITLE = 200
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?")
_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)
}
"""Names that are devices on some systems, with any suffix."""


def require_name(text: str) -> str:
    """Give `text` back if a file or folder may be called so everywhere.

    Raises:
        ValueError: it may not; the message says what a name is.
    """
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, and this has {len(text)}")
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has letters, digits and _ - + . only, begins with a letter or digit and ends "
            "with no dot"
        )
    if text.partition(".")[0].lower() in _RESERVED:
        raise ValueError("some systems keep this name for a device")
    return text


def require_title(text: str) -> str:
    """Give `text` back if it is one line for people to read.

    Raises:
        ValueError: it is empty, too long, or holds control characters.
    """
    if not text.strip() or len(text) > LONGEST_TITLE or not text.isprintable():
        raise ValueError(f"a title is one line of 1 to {LONGEST_TITLE} printable characters")
    return text


def require_inside(text: str) -> str:
    """Give the relative path `text` back if it cannot lead out of the folder it is put under.

    It may say before a colon what it is under, as `package:sam_tiny` does.

    Raises:
        ValueError: it is empty or absolute, or goes upwards.
    """
    path = PurePosixPath(text.partition(":")[2] or text)
    upwards = ".." in path.parts or "\\" in text or not text.isprintable()
    if not path.parts or path.is_absolute() or upwards:
        raise ValueError("a path leads down from its folder: no `..`, no `\\`, not absolute")
    return text


Name = Annotated[str, AfterValidator(require_name)]
Title = Annotated[str, AfterValidator(require_title)]
Inside = Annotated[str, AfterValidator(require_inside)]
