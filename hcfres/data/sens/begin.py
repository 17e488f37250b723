"""Before frames are extracted into a folder: whose frames are there already."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.data.files import read_json, write_bytes
from hcfres.data.sens.index import FileBytes, SensIndex
from hcfres.data.sens.survey import SURVEY_NAME, Extraction, Recorded

BEGUN_NAME = "extraction.begun.json"
"""What is being extracted into a folder; it goes when `extraction.json` says that all is there."""

_FOLDERS = ("color", "depth", "pose")
_SHOWN = 5
_BLOCK = 1 << 20
_ELSEWHERE = (
    f"Extract into another folder, or delete color/, depth/, pose/, {SURVEY_NAME} and {BEGUN_NAME} "
    "of this one first"
)


class InTheWayError(DataError):
    """The folder holds frames that are not of this extraction."""


def begin_extraction(index: SensIndex, folder: Path, every: int) -> Recorded:
    """Refuse a folder with frames that are not of this extraction, and note what is begun.

    The same recording is known by its content, whatever its name. An extraction of it that was
    interrupted, or that took a part of these frames, is gone on with.

    Raises:
        InTheWayError: frames of another recording; numbered files that are not among the frames to
            extract, which every reader of the folder would take for some; or nothing says whose
            frames are there.
        DataError: the recording became shorter.
        StoreError: the disk is full or refuses.
    """
    plan = Recorded(
        sens=index.path.name,
        sens_bytes=index.size,
        sens_frames=len(index.offsets) - 1,
        sens_sha256=_fingerprint(index),
        every=every,
    )
    before = _known(folder)
    for known in before:
        _require_same(folder, known, plan)
    if not before and (there := _numbered(folder)):
        reason = f"nothing says of which recording {_few(there)} are"
        raise InTheWayError(folder, reason, _ELSEWHERE)
    suffix = ".jpg" if index.header.colour_kind == "jpeg" else ".png"
    numbers = range(0, plan.sens_frames, every)
    require_no_others(folder, ((number, suffix) for number in numbers), before)
    write_bytes(folder / BEGUN_NAME, (plan.model_dump_json() + "\n").encode())
    if any(known.every != every for known in before):
        (folder / SURVEY_NAME).unlink(missing_ok=True)
    return plan


def require_no_others(
    folder: Path, frames: Iterable[tuple[int, str]], before: tuple[Recorded, ...] = ()
) -> None:
    """Refuse numbered files beside those of the frames, each a number and its colour's suffix.

    Raises:
        InTheWayError: names some of them and, with `before`, what they may be from.
    """
    expected: set[str] = set()
    for number, suffix in frames:
        expected |= {f"color/{number}{suffix}", f"depth/{number}.png", f"pose/{number}.txt"}
    if others := [name for name in _numbered(folder) if name not in expected]:
        steps = sorted({known.every for known in before})
        said = f"; every {' and '.join(map(str, steps))}th was extracted before" if steps else ""
        reason = f"{_few(others)} are not among the frames of this extraction{said}"
        raise InTheWayError(folder, reason, _ELSEWHERE)


def _known(folder: Path) -> tuple[Recorded, ...]:
    """What earlier extractions into a folder noted, whole or begun."""
    parsers = {
        SURVEY_NAME: Extraction.model_validate_json,
        BEGUN_NAME: Recorded.model_validate_json,
    }
    try:
        return tuple(
            read_json(folder / name, parse)
            for name, parse in parsers.items()
            if (folder / name).exists()
        )
    except DataError as error:
        raise InTheWayError(error.source, error.reason, _ELSEWHERE) from None


def _require_same(folder: Path, known: Recorded, plan: Recorded) -> None:
    same = (known.sens_bytes, known.sens_frames) == (plan.sens_bytes, plan.sens_frames)
    if not same or known.sens_sha256 not in ("", plan.sens_sha256):
        reason = (
            f"it holds frames of another recording: {known.sens} of {known.sens_bytes} bytes and "
            f"{known.sens_frames} frames, not {plan.sens} of {plan.sens_bytes} bytes and "
            f"{plan.sens_frames} frames"
        )
        raise InTheWayError(folder, reason, _ELSEWHERE)


def _numbered(folder: Path) -> list[str]:
    """Every file that may be taken for a frame's, by folder and number."""
    found = [
        (kind, int(path.stem), path.name)
        for kind in _FOLDERS
        for path in ((folder / kind).iterdir() if (folder / kind).is_dir() else ())
        if path.stem.isascii() and path.stem.isdigit()
    ]
    return [f"{kind}/{name}" for kind, _, name in sorted(found)]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _fingerprint(index: SensIndex) -> str:
    """SHA-256 of the header and of the first and the last frame."""
    ends = index.offsets.tolist()
    parts = [(0, ends[min(1, len(ends) - 1)])]
    if len(ends) > 2:
        parts.append((ends[-2], ends[-1]))
    whole = hashlib.sha256()
    content = FileBytes(index.path)
    try:
        for start, end in parts:
            for at in range(start, end, _BLOCK):
                whole.update(content.read(at, min(_BLOCK, end - at)))
    finally:
        content.close()
    return whole.hexdigest()
