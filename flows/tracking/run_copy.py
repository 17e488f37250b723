"""Runs of one tracking store copied into another, read back and compared.

A copy names the run it was made from, so that copying again goes on where it was.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException

from flows.tracking.opening import EXPERIMENT, is_within
from flows.tracking.run_content import (
    MOVED_FROM,
    RunContent,
    differences,
    expected,
    fetch,
    inputs_of,
    read_content,
    runs_of,
    unlike,
    write_content,
)
from flows.tracking.tracker import Tracker
from hcfres.store.errors import StoreError

_WHOLE = "hcfres.moved_whole"
"""The tag of a copy that was equal to its run, byte for byte; it says to which state of it."""

_RENAME = "Rename one of the two, with `mlflow experiments rename`"


class RunCopier:
    """Copies everything from one store to another."""

    def __init__(self, old: Tracker, new: Tracker, beside: Path) -> None:
        """Begin between two open stores; artefacts pass through a folder in `beside`."""
        self._old, self._new, self._target = old.client, new.client, new
        self._beside = beside
        self.kinds: Counter[str] = Counter()
        """How many runs of each `hcfres.kind` were seen."""
        self.points = self.artefacts = 0
        """Of metrics, and files, in all of them."""
        self.problems: list[str] = []
        """Where a copy differs from its run."""

    def copy(self) -> dict[str, str]:
        """Copy what is not there yet, and compare all of it; the copies' ids by the runs'.

        Raises:
            StoreError: the new store says that artefacts belong where nothing is written.
        """
        runs, copies = [], {}
        for experiment in self._old.search_experiments():
            found = list(runs_of(self._old, experiment.experiment_id))
            if not found and experiment.name != EXPERIMENT:
                continue
            place = self._experiment(experiment)
            for copy in runs_of(self._new, place, f"tags.`{MOVED_FROM}` != ''"):
                copies[copy.data.tags[MOVED_FROM]] = copy.info.run_id
            for run in found:
                copies.setdefault(run.info.run_id, self._begun(run, place, copies))
            runs += found
        for run in runs:
            self._see_through(run, copies)
        return {run.info.run_id: copies[run.info.run_id] for run in runs}

    def _experiment(self, old: Experiment) -> str:
        """The experiment of the same name, made where it is not there; its tags come along."""
        if old.name == EXPERIMENT:
            found = self._target.experiment_id
        else:
            known = self._new.get_experiment_by_name(old.name) or self._made(old.name)
            found, place = known.experiment_id, known.artifact_location
            self._require_ours(f"experiment {old.name!r}", place, _RENAME)
        for name, value in old.tags.items():
            self._new.set_experiment_tag(found, name, value)
        return str(found)

    def _made(self, name: str) -> Experiment:
        """A new experiment; it may be there, where it was made and no answer said so."""
        store = self._target.store
        place = None if store.kind == "server" else store.artefacts
        try:
            made = self._new.create_experiment(name, artifact_location=place)
        except MlflowException:
            if (known := self._new.get_experiment_by_name(name)) is None:
                raise
            return known
        return self._new.get_experiment(made)

    def _require_ours(self, what: str, place: str, way_out: str) -> None:
        """Refuse a place for artefacts that is not the new store's (decision 166)."""
        store = self._target.store
        if not is_within(place, store):
            raise StoreError(
                f"{store.shown} says that the artefacts of {what} belong into {place}, where "
                f"nothing is written. {way_out}, and run the command again"
            )

    def _begun(self, run: Run, experiment_id: str, copies: Mapping[str, str]) -> str:
        """The id of a run's copy, made empty where it is not there."""
        if (known := copies.get(run.info.run_id)) is not None:
            return known
        made = self._new.create_run(
            experiment_id,
            start_time=run.info.start_time,
            tags={MOVED_FROM: run.info.run_id},
            run_name=run.info.run_name,
        )
        return str(made.info.run_id)

    def _see_through(self, run: Run, copies: Mapping[str, str]) -> None:
        """Copy what a run's copy lacks, and note where they differ all the same.

        A copy that was whole may have been gone on with since; it is left alone unless its run
        has changed too.
        """
        content = read_content(self._old, run)
        told, copy = expected(content, run.info.run_id, copies), copies[run.info.run_id]
        self.kinds[content.tags.get("hcfres.kind", "other")] += 1
        self.points += content.points
        self.artefacts += len(content.artefacts)
        known = self._new.get_run(copy)
        if known.data.tags.get(_WHOLE) == told.digest:
            return
        self._require_ours(f"run {copy}", known.info.artifact_uri, "Delete it there")
        with tempfile.TemporaryDirectory(dir=self._beside) as place:
            ours = fetch(self._old, run, Path(place) / "ours")
            self._new.log_artifacts(copy, str(ours))
            write_content(self._new, copy, told, inputs_of(run))
            theirs = fetch(self._new, known, Path(place) / "theirs")
            problems = differences(told, self._read(copy)) or unlike(ours, theirs)
        if not problems:
            self._new.set_tag(copy, _WHOLE, told.digest)
        self.problems += [f"run {run.info.run_id} ({told.name}): {said}" for said in problems]

    def _read(self, copy: str) -> RunContent:
        content = read_content(self._new, self._new.get_run(copy))
        return content.without_tag(_WHOLE)
