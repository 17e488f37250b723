"""The frames of a `.sens` recording as files, on all cores, with the time left."""

import contextlib
import os
from pathlib import Path

from rich.console import Console

from flows.live.progress import Bar, ProgressBoard
from hcfres.data.sens.extract import FrameSurvey, extract_frames


def extract(
    sens: Path, folder: Path, every: int, workers: int | None, *, console: Console
) -> FrameSurvey:
    """Extract every `every`-th frame into `folder` and say what was done; resumes."""
    count = workers or len(os.sched_getaffinity(0))
    board = ProgressBoard(console)
    with contextlib.ExitStack() as shown:
        shown.enter_context(board.open())
        bar: list[Bar] = []
        before = 0

        def told(done: int, total: int) -> None:
            nonlocal before
            if not bar:
                bar.append(shown.enter_context(board.bar(sens.name, total)))
            bar[0].advance(done - before)
            before = done

        survey = extract_frames(sens, folder, every, count, told)
    for line in _lines(survey, folder):
        console.print(line, highlight=False, soft_wrap=True)
    return survey


def _lines(survey: FrameSurvey, folder: Path) -> list[str]:
    lines = [
        f"{len(survey.frames)} frames in {folder}: {survey.written} written and read back, "
        f"{survey.kept} were whole already"
    ]
    if survey.lost:
        lines.append(f"{len(survey.lost)} of them without a pose, tracking was lost: "
                     f"{_some(survey.lost)}")  # fmt: skip
    if survey.left_out:
        numbers = tuple(frame.index for frame in survey.left_out)
        lines.append(f"{len(numbers)} left out for want of an image: {_some(numbers)}")
    return lines


def _some(numbers: tuple[int, ...], shown: int = 12) -> str:
    rest = f" and {len(numbers) - shown} more" if len(numbers) > shown else ""
    return ", ".join(map(str, numbers[:shown])) + rest
