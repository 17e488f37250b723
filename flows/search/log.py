"""What MLflow is told of a search: the parent of its trials, a step a trial, and the report."""

import time
from collections.abc import Sequence

from flows.search.cells import SearchCells
from flows.search.report import REPORT, Findings
from flows.search.trials import Trial, ended
from flows.search.winner import EXPERIMENT
from flows.tracking.run_notes import LOGGED, mark_logged
from flows.tracking.tracker import Tracker, flatten

_MIOU, _BEST, _LATENCY = "search/held_out_miou", "search/best_miou", "search/latency_ms"


class StudyLog:
    """The MLflow run of one study, opened again when the search is gone on with."""

    def __init__(self, tracker: Tracker, cells: SearchCells) -> None:
        folder = cells.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOGGED).unlink(missing_ok=True)
        self._folder, self._tracker, self._cells = folder, tracker, cells
        search = cells.search
        self.run = tracker.run(folder, f"{search.config.title} ({cells.setting.name})", "study")
        self.run.tags(
            {
                "hcfres.search": search.name,
                "hcfres.setting": cells.setting.name,
                "hcfres.study": folder.name,
            }
        )
        told = {f"search.{name}": value for name, value in flatten(search.config).items()}
        told |= flatten(cells.setting)
        self.run.new_params(told)
        self._logged: frozenset[int] = frozenset()

    def trials(self, trials: Sequence[Trial]) -> None:
        """Log the trials that have a score and are new to MLflow, with the best so far.

        Other launchers may log them too, in the same run.
        """
        done = ended(trials)
        scores = [trial.miou for trial in done if trial.miou is not None]
        if not {trial.number for trial in done} <= self._logged:
            self._logged = self.run.steps(_MIOU)
        for trial in done:
            if trial.number in self._logged or trial.miou is None or trial.key is None:
                continue
            told = {_MIOU: trial.miou, _BEST: max(scores)}
            told |= {_LATENCY: trial.latency_ms} if trial.latency_ms is not None else {}
            self.run.metrics(told, trial.number, int(time.time() * 1000))
            place = self._cells.workspace.cells / trial.key
            about = {"hcfres.study": self._folder.name, "hcfres.trial": str(trial.number)}
            self._tracker.tag(place, about)
            self._logged |= {trial.number}

    def finish(self, found: Findings) -> None:
        """Keep the report as the run's page, with its pictures and the winner's files."""
        page = self._folder / REPORT
        self.run.describe(page.read_text())
        kept = [self._folder / name for name in ("figures", "methods", "settings", EXPERIMENT)]
        self.run.artefacts([page, *(path for path in kept if path.exists())])
        if found.winner is not None:
            told = {"winner/held_out_miou": found.winner.mean}
            self.run.metrics(told, 0, int(time.time() * 1000))
            self.run.tags({"hcfres.winner": found.winner.method.name})
        self.run.end("FAILED" if found.winner is None else "FINISHED")
        if found.winner is not None:
            mark_logged(self._folder, self._tracker.store)
