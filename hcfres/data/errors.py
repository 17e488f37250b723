"""The one error of every reader of files: where, what was found, the way out."""

from pathlib import Path

LONGEST = 4000
"""Characters of a message; what a file holds may be quoted in it, and is cut."""
_FINDING = 1000


class DataError(ValueError):
    """A file that is missing, broken, or not what its name says.

    The message is `source, place: reason. way out`; the four parts are kept as attributes.
    All four are plain arguments, so that the error survives the way between two processes.
    Whatever was quoted from a file, the message is at most LONGEST characters and all printable.
    """

    def __init__(
        self, source: Path | str, reason: str = "", way_out: str = "", place: str = ""
    ) -> None:
        super().__init__(source, reason, way_out, place)
        self.source = str(source)
        self.reason = reason
        self.way_out = way_out
        self.place = place

    def __str__(self) -> str:
        where = f"{self.source}, {self.place}" if self.place else self.source
        said = _plain(f"{where}: {self.reason}" if self.reason else where)
        return f"{said}. {self.way_out}" if self.way_out else said


def _plain(text: str) -> str:
    """The text without what a terminal would obey, its end left out where it is endless."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    if cut.replace("\n", " ").isprintable():
        return cut
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in cut)


def too_many(problems: list[str], shown: int = 12, more: int = 0) -> str:
    """Join several findings into one reason: the first `shown`, then how many more there are.

    `more` counts findings that `problems` leaves out. Each is one paragraph of bounded length.
    """
    lines = [f"\n  - {problem[:_FINDING]}" for problem in problems[:shown]]
    count = len(problems) + more
    if count > len(lines):
        lines.append(f"\n  ... and {count - len(lines)} more")
    return f"{count} problem{'s' * (count != 1)}:" + "".join(lines) + "\n"
