"""What keeps a search from being done, told as one error; a search that is done passes."""

import shlex
import time
from collections.abc import Callable, Iterator

from rich.console import Console

from flows.cells.failed import one_line
from flows.planning.plan import PlanError
from flows.planning.view import duration
from flows.reproduce import MOST_TOLD
from flows.search.report import Findings, lacking
from flows.search.study import Study
from flows.search.trials import failed
from flows.search.winner import EXPERIMENT
from flows.workers.job_log import NAME as WORKER_LOG
from flows.workers.pool import JobError

_LOOK_EVERY_S = 5.0
"""At the trials of other launchers."""
_NOT_COMPARED = "--compare was not done"


def wait_for_lost(
    study: Study, console: Console, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Wait for as long as the trials of killed launchers count as alive.

    Returns:
        Whether none runs elsewhere any more, or there is work again; False: whatever still runs has
        shown life meanwhile.
    """
    running, left = study.elsewhere(), study.grace_s + 1.0
    console.print(
        f"{_numbered(running)} in another launcher, or had one that was killed: waiting up to "
        f"{duration(left)} for a sign of life",
        highlight=False,
    )
    while not study.take_over() and study.elsewhere():
        if left <= 0:
            return False
        sleep(pause := min(_LOOK_EVERY_S, left))
        left -= pause
    return True


def require_alone(study: Study, compare: bool) -> None:
    """Refuse to name a winner while other launchers are at trials.

    Args:
        compare: a comparison with the base was asked for.

    Raises:
        PlanError: it says how long such trials may be those of a launcher that was killed.
    """
    if running := study.elsewhere():
        note = f". {_NOT_COMPARED}: it comes after the winner" if compare else ""
        raise PlanError(
            f"the search is not done: {_numbered(running)} in other launchers, which showed life "
            "just now; the last of them names the winner. Where one is killed, its trials are free "
            f"{duration(study.grace_s)} after its last sign of life: the same command then goes on "
            f"with them{note}"
        )


def require_done(found: Findings, compare: bool) -> None:
    """Refuse to call a search done of which something failed, or that has no winner.

    Args:
        compare: a comparison with the base was asked for; only a whole search is compared.

    Raises:
        JobError: no winner can be named.
        PlanError: one was named of the rest.
    """
    lines = tuple(_failures(found))
    again = (
        f"The same command tries only these again; cells/KEY/error.log and {WORKER_LOG} tell more"
    )
    if found.winner is None:
        note = f". {_NOT_COMPARED}: there is no winner" if compare else ""
        raise JobError(_listed(f"no winner is named: {lacking(found)}", lines, again + note), "")
    if lines:
        note = f". {_compare_anyway(found)}" if compare else ""
        named = "the search is not done, though a winner is named of the rest"
        raise PlanError(_listed(named, lines, again + note))


def _failures(found: Findings) -> Iterator[str]:
    for trial in failed(found.trials):
        yield f"trial {trial.number} failed: {one_line(trial.reason) or 'it was stopped'}"
    for one in found.candidates:
        for seed, why in one.failures.items():
            if one.trial.state != "failed" or seed != one.cells[0].cell.seed:
                yield f"trial {one.trial.number} failed with seed {seed}: {one_line(why)}"


def _compare_anyway(found: Findings) -> str:
    if found.winner is None or found.winner.is_base:
        return f"{_NOT_COMPARED}: the base has won, so far"
    setting = found.folder / "settings" / f"{found.cells.setting.name}.toml"
    return (
        f"{_NOT_COMPARED}: validation is asked about one winner, and these may still win. If they "
        "shall not, ask at once, and no other winner is compared any more: hcfres reproduce "
        + shlex.join([str(found.folder / EXPERIMENT), "--setting", str(setting)])
    )


def _listed(first: str, lines: tuple[str, ...], last: str) -> str:
    rest = [f"and {len(lines) - MOST_TOLD} more"] if len(lines) > MOST_TOLD else []
    listed = "\n  ".join([f"{first}:" if lines else f"{first}.", *lines[:MOST_TOLD], *rest])
    return f"{listed}\n{last}"


def _numbered(trials: tuple[int, ...]) -> str:
    named = ", ".join(map(str, trials[:MOST_TOLD])) + (", ..." if len(trials) > MOST_TOLD else "")
    return f"trial {named} runs" if len(trials) == 1 else f"trials {named} run"
