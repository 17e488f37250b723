"""The one error of every reader of files: where, what was found, the way out."""

from pathlib import Path


class DataError(ValueError):
    """A file that is missing, broken, or not what its name says.

    The message is `source, place: reason. way out`; the four parts are kept as attributes.
    All four are plain arguments, so that the error survives the way between two processes.
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
        said = f"{where}: {self.reason}" if self.reason else where
        return f"{said}. {self.way_out}" if self.way_out else said


def too_many(problems: list[str], shown: int = 12) -> str:
    """Join several findings into one reason: the first `shown`, then how many more there are."""
    lines = [f"\n  - {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"\n  ... and {len(problems) - shown} more")
    return f"{len(problems)} problem{'s' * (len(problems) != 1)}:" + "".join(lines) + "\n"
