"""A search's report: what was tried and what it gave, as a page with pictures."""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.places import experiment_word
from flows.search.cells import SearchCells
from flows.search.importance import importances
from flows.search.look import read_look
from flows.search.trials import Trial, asked_for, ended, front
from flows.search.winner import Candidate, base_of, changes
from hcfres.config.identity import digest
from hcfres.config.problems import shorten
from hcfres.config.search import Choices, Value
from hcfres.config.space import Knob, shown
from hcfres.reporting import search as pictures
from hcfres.reporting.figures import save_png
from hcfres.reporting.search import Tried, Tuned
from hcfres.store.files import write_atomic

REPORT = "report.md"
COMPARISON = "comparison.md"
"""In a study's folder: the winner against the base on validation, once that was asked."""


@dataclass(frozen=True)
class Findings:
    """What a search came to."""

    cells: SearchCells
    trials: Sequence[Trial]
    candidates: Sequence[Candidate]
    winner: Candidate | None

    @property
    def folder(self) -> Path:
        """Of the study."""
        return self.cells.folder

    @property
    def title(self) -> str:
        """Of the search and its setting."""
        return f"{self.cells.search.config.title}: {self.cells.setting.name}"


def write_report(found: Findings) -> None:
    """Write the page and its pictures into the study's folder."""
    drawn = _pictures(found)
    parts = [f"# {found.title}", _summary(found)]
    parts += [f"![{path.stem}]({path.relative_to(found.folder)})" for path in drawn]
    parts += ["## The best, with more seeds", _candidates(found), verdict(found)]
    if _is_compared(found):
        told = (found.folder / COMPARISON).read_text().strip().removeprefix("# ")
        parts += ["## On validation, asked once", told]
    parts += ["## Trials", _trials(found)]
    write_atomic(found.folder / REPORT, ("\n\n".join(parts) + "\n").encode())


def _is_compared(found: Findings) -> bool:
    """Whether the comparison is this winner's: what is left of a former one's is not told."""
    look, winner = read_look(found.folder), found.winner
    if look is None or winner is None or look.identity != digest(winner.method):
        return False
    return (found.folder / COMPARISON).exists()


def comparison_command(found: Findings) -> str:
    """Give the command that compares the winner with the base on validation, and asks no more."""
    cells, config = found.cells, found.cells.search.config
    asked = ["hcfres", "tune", experiment_word(cells.search.source), "--compare"]
    if len(asked_for(found.trials)) != config.trials:
        asked += ["--trials", str(len(asked_for(found.trials)))]
    if (name := cells.setting.name) != config.setting:
        asked += ["--setting", shlex.quote(str(found.folder / "settings" / f"{name}.toml"))]
    return " ".join([*asked, "--accept-code"] if cells.accept_code else asked)


def _pictures(found: Findings) -> tuple[Path, ...]:
    """Draw what there are scores for."""
    space, place = found.cells.search.space, found.folder / "figures"
    scored = [t for t in found.trials if t.miou is not None and t.repeats is None]
    tried = [_tried(found, trial) for trial in scored if trial.state in ("done", "pruned")]
    done = ended(found.trials)
    if not done:
        return ()
    base = next((t.miou for t in done if space.method(t.values) == space.base), None)
    figures = {
        "history": pictures.history(tried, base, found.title),
        "slices": pictures.slices(tried, [_tuned(knob) for knob in space.knobs], found.title),
    }
    if shares := importances(space, found.trials):
        figures["importances"] = pictures.importances(shares, found.title)
    if any(trial.latency_ms is not None for trial in done):
        best = [trial.number for trial in front(found.trials)]
        figures["front"] = pictures.front(tried, best, found.title)
    return tuple(save_png(figure, place / f"{name}.png") for name, figure in figures.items())


def _tried(found: Findings, trial: Trial) -> Tried:
    space = found.cells.search.space
    values = {path: _placed(space.knob(path), value) for path, value in trial.values.items()}
    return Tried(trial.number, trial.miou or 0.0, trial.state == "pruned", trial.latency_ms, values)


def _placed(knob: Knob, value: Value) -> str | float:
    """Where a value lies on its axis: a choice's name, or the number."""
    if isinstance(knob.asked, Choices) or not isinstance(value, int | float):
        return shown(value)
    return float(value)


def _tuned(knob: Knob) -> Tuned:
    asked = knob.asked
    if isinstance(asked, Choices):
        return Tuned(knob.path, tuple(shown(choice) for choice in asked.choices), False)
    return Tuned(knob.path, (), asked.log)


def _summary(found: Findings) -> str:
    config, trials = found.cells.search.config, found.trials
    states = Counter(trial.state for trial in trials if trial.repeats is None)
    there = sum(trial.origin == "found" for trial in trials)
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    return (
        f"Base {config.base}, judged by {' and '.join(config.objectives)} on training spaces that "
        f"no cell learns from, never by validation. {len(trials)} trials: {counted}; "
        f"cells that were there before: {there}; trials that ask for a cell again: "
        f"{sum(trial.repeats is not None for trial in trials)}."
    )


def _candidates(found: Findings) -> str:
    seeds = [str(cell.cell.seed) for cell in found.candidates[0].cells] if found.candidates else []
    order = sorted(
        found.candidates, key=lambda one: math.inf if math.isnan(one.mean) else -one.mean
    )
    rows = [
        [
            str(one.trial.number),
            _called(one, found),
            *map(_percent, one.mious),
            _percent(one.mean if one.is_whole else None),
            _milliseconds(one.trial.latency_ms),
        ]
        for one in order
    ]
    header = ["trial", "method", *(f"seed {seed}" for seed in seeds), "mean", "ms"]
    return _table(header, rows) if rows else "No trial has a score yet."


def _called(one: Candidate, found: Findings) -> str:
    """Name a candidate by what it changes."""
    told = changes(found.cells, one.method)
    return ", ".join(f"`{path} = {new}`" for path, _, new in told) or f"{one.method.name}, the base"


def lacking(found: Findings) -> str:
    """Say why no winner can be named."""
    base = base_of(found.candidates)
    if base is None or not base.failures:
        return "a score of the best is missing"
    seeds = "; ".join(f"with seed {seed} ({why})" for seed, why in base.failures.items())
    return f"the base, which a winner has to beat, failed {seeds}"


def verdict(found: Findings) -> str:
    """Say who won, by which rule, and what to do next."""
    if found.winner is None:
        return f"No winner yet: {lacking(found)}."
    winner, config = found.winner, found.cells.search.config
    within = config.confirm.within
    rule = (
        "the highest mean"
        if within is None
        else f"the fastest within {100 * within:g} points of the highest mean"
    )
    told = f"Winner, by {rule}: trial {winner.trial.number}, {_called(winner, found)}."
    if winner.method == found.cells.search.space.base:
        return f"{told} Nothing beat the base, so there is nothing to compare it with."
    place = f"methods/{winner.method.name}.toml"
    return (
        f"{told} The whole method: [{place}]({place}). Against the base on validation, to be asked "
        f"once (with `--storage` and `--on` as before):\n\n```\n{comparison_command(found)}\n```"
    )


def _trials(found: Findings) -> str:
    paths = [knob.path for knob in found.cells.search.space.knobs]
    rows = []
    for trial in found.trials:
        state = f"as trial {trial.repeats}" if trial.repeats is not None else trial.state
        values = [shown(trial.values[path]) if path in trial.values else "" for path in paths]
        scores = [_percent(trial.miou), _milliseconds(trial.latency_ms)]
        reason = shorten(trial.reason, 80)
        rows.append(
            [str(trial.number), trial.origin, state, *values, *scores, trial.key or "", reason]
        )
    return _table(["trial", "from", "state", *paths, "mIoU", "ms", "cell", ""], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
