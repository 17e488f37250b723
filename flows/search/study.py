"""A search's study in Optuna: what was asked and came out, and what is asked next.

The cells on the disk are the truth: a study whose file was deleted begins anew and finds its
trials again as trained cells.
"""

import contextlib
import random
from collections.abc import Iterable, Iterator

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, fail_stale_trials
from optuna.storages._heartbeat import get_heartbeat_thread, is_heartbeat_enabled
from optuna.trial import FrozenTrial, TrialState

from flows.cells.trained import Trained
from flows.search.asked import Asked, Outcome
from flows.search.cells import SearchCells
from flows.search.optuna_parts import DIRECTIONS, make_sampler, suggest
from flows.search.pruners import make_pruner
from flows.search.records import CELL, ORIGIN, REASON, REPEATS, made, told
from flows.search.trials import Origin, Trial, asked_for, failed, fruitless
from hcfres.config.loading import ConfigError
from hcfres.config.space import Values

PATIENCE = 5
"""Suggestions in a row that bring no new cell, before one that does is drawn (decision 160)."""
_DRAWS = 1000
"""Points drawn for one that was not asked for yet, before the space counts as exhausted."""
_NO_SCORE = (
    "its cell has no held-out score by the code that the search began with; was a source file "
    "edited meanwhile?"
)
_NO_LATENCY = "its cell was timed on another kind of device than the {kind} that was expected"


class Study:
    """The trials of one search."""

    def __init__(self, cells: SearchCells, storage: BaseStorage, wanted: int) -> None:
        """Open the study, or begin it.

        Args:
            cells: what the study's points stand for.
            storage: a database with signs of life, which several may share, or one for us alone.
            wanted: different cells to ask for, those asked for earlier included.
        """
        self.cells, self.wanted = cells, wanted
        self.is_timed = "latency_ms" in cells.search.config.objectives
        self.exhausted = False
        """Whether the space holds nothing that was not asked for yet."""
        self._config, self._space = cells.search.config, cells.search.space
        self._storage = storage
        self._study = optuna.create_study(
            study_name=cells.identity,
            storage=storage,
            pruner=make_pruner(self._config, cells.setting.training.epochs),
            directions=[DIRECTIONS[name] for name in self._config.objectives],
            load_if_exists=True,
        )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial so far, in order."""
        return tuple(told(frozen, self.cells.search.space) for frozen in self._frozen())

    def begin(self) -> None:
        """Take up what an earlier launcher left, then the base, then the cells that are there.

        What was running or failed is tried again; its cell goes on from its checkpoint.
        """
        fail_stale_trials(self._study)
        if not is_heartbeat_enabled(self._storage):
            for frozen in self._frozen((TrialState.RUNNING,)):
                self._leave(frozen)
        trials = self.trials
        for trial in failed(trials):
            self._add(trial.values, trial.origin)
        known = {trial.key for trial in trials}
        base = self._space.walk(lambda knob: knob.base)
        if self.cells.planned(base, "base").key not in known:
            self._add(base, "base")
        self._add_found()

    def _leave(self, frozen: FrozenTrial) -> None:
        """Fail a trial that a killed launcher had; one that was known to repeat another ends so."""
        repeats = frozen.user_attrs.get(REPEATS)
        other = None if repeats is None else self._frozen()[repeats]
        if other is not None and other.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._end_as(optuna.Trial(self._study, frozen._trial_id), other)
        else:
            self._study.tell(frozen.number, state=TrialState.FAIL)

    def has_work(self) -> bool:
        """Whether a trial waits, or more are to be asked for."""
        return self._waits() or len(asked_for(self.trials)) < self.wanted

    def elsewhere(self) -> tuple[int, ...]:
        """Number the trials that run in other launchers; asked when none of ours is left."""
        return tuple(frozen.number for frozen in self._frozen((TrialState.RUNNING,)))

    @property
    def grace_s(self) -> int:
        """Seconds without a sign of life after which a trial of another launcher is given up."""
        return (self._storage.grace_period or 0) if isinstance(self._storage, RDBStorage) else 0

    def take_over(self) -> bool:
        """Give up the trials of launchers that show no life; whether one of them waits now."""
        fail_stale_trials(self._study)
        return self._waits()

    def next(self) -> Asked | None:
        """Give the next trial that needs a worker; those that need none are ended on the way.

        Returns:
            None when enough was asked for, or the space is exhausted.
        """
        while self.has_work():
            trial = self._ask()
            if trial is None:
                return None
            if (asked := self._settle(trial)) is not None:
                return asked
        return None

    def tell(self, asked: Asked, outcome: Outcome) -> None:
        """Keep how a trial ended; its scores are read from its cell."""
        asked.should_stop()
        trained = self.cells.trained(asked.planned) if outcome.state == "done" else None
        scores = self._scores(trained) if trained is not None else None
        if scores is not None:
            self._end(asked.trial, TrialState.COMPLETE, scores)
        elif outcome.state == "pruned":
            self._end(asked.trial, TrialState.PRUNED)
        else:
            lacking = _NO_SCORE if trained is None else _NO_LATENCY.format(kind=self.cells.kind)
            self._end(asked.trial, TrialState.FAIL, reason=outcome.reason or lacking)

    @contextlib.contextmanager
    def alive(self, asked: Asked) -> Iterator[None]:
        """Let a shared database know, while inside, that somebody sees to the trial."""
        with get_heartbeat_thread(asked.trial._trial_id, self._storage):
            yield

    def _frozen(self, states: tuple[TrialState, ...] | None = None) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)

    def _waits(self) -> bool:
        return bool(self._frozen((TrialState.WAITING,)))

    def _ask(self) -> optuna.Trial | None:
        """Ask for the trial that waits, else for the sampler's next; None where there is none."""
        fail_stale_trials(self._study)
        in_order = self._config.sampler.kind == "grid"
        if not self._waits() and (in_order or fruitless(self.trials) >= PATIENCE):
            unseen = self._unseen(in_order)
            if unseen is None:
                self.exhausted = True
                return None
            self._add(unseen, "drawn")
        again = fruitless(self.trials)
        self._study.sampler = make_sampler(self._config, self._seen_through(), again)
        return self._study.ask()

    def _seen_through(self) -> int:
        """Count the trials that ended well or run: what failed is tried again, and counts then."""
        return sum(t.state not in (TrialState.FAIL, TrialState.WAITING) for t in self._frozen())

    def _settle(self, trial: optuna.Trial) -> Asked | None:
        """End a trial that needs no worker: an impossible one, a repeated one, a trained cell."""
        values = self._space.walk(lambda knob: suggest(trial, knob))
        try:
            planned = self.cells.planned(values, f"trial {trial.number}")
        except ConfigError as error:
            self._end(trial, TrialState.PRUNED, reason=str(error))
            return None
        if self._is_repeated(trial, planned.key):
            return None
        is_base = planned.cell.method == self._space.base
        asked = Asked(trial, values, planned, not self.is_timed, not is_base)
        trained = self.cells.trained(planned)
        if trained is None or self._scores(trained) is None:
            return asked
        asked.should_stop()
        self._end(trial, TrialState.COMPLETE, self._scores(trained))
        return None

    def _is_repeated(self, trial: optuna.Trial, key: str) -> bool:
        """End a trial whose cell another trial was asked for: what that one got is known.

        Of two that run the earlier goes on, also where both are asked at the same time.
        """
        is_new = ORIGIN not in trial.user_attrs  # else it is to be tried again
        trial.set_user_attr(CELL, key)
        trial.set_user_attr(ORIGIN, trial.user_attrs.get(ORIGIN, "sampler"))
        others = [
            t for t in self._frozen() if t.user_attrs.get(CELL) == key and t.number != trial.number
        ]
        known = [t for t in others if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        waits = [t for t in others if t.state is TrialState.RUNNING and t.number < trial.number]
        if is_new:
            waits += [t for t in others if t.state is TrialState.FAIL and not _gave_way(t)]
        repeats = next((other.number for other in (*known, *waits)), None)
        if repeats is not None or _gave_way(trial):
            trial.set_user_attr(REPEATS, repeats)
        if known:
            self._end_as(trial, known[0])
        elif waits:
            self._end(trial, TrialState.FAIL)
        return bool(known or waits)

    def _end_as(self, trial: optuna.Trial, other: FrozenTrial) -> None:
        known = self._frozen()[trial.number].intermediate_values
        for epochs, score in other.intermediate_values.items():
            if epochs not in known:
                trial.report(score, epochs)
        self._end(trial, other.state, None if other.state is TrialState.PRUNED else other.values)

    def _unseen(self, in_order: bool) -> Values | None:
        """Find a point whose cell was not asked for yet; None where there seems to be none."""
        seen = {t.key for t in self.trials if t.state != "failed" or t.repeats is None}
        for values in self._space.points() if in_order else self._drawn():
            with contextlib.suppress(ConfigError):
                if self.cells.planned(values, "unseen").key not in seen:
                    return values
        return None

    def _drawn(self) -> Iterable[Values]:
        """Give points at random: all of a small space once, else as many as are tried."""
        rng = random.Random(f"{self._config.seed} {self._seen_through()}")
        if self._space.size(_DRAWS) is None:
            return (self._space.draw(rng) for _ in range(_DRAWS))
        points = list(self._space.points())
        rng.shuffle(points)
        return points

    def _add(self, values: Values, origin: Origin) -> None:
        """Put a point at the head of the queue."""
        key = self.cells.planned(values, origin).key
        self._study.add_trial(made(self._space, values, key, origin, state=TrialState.WAITING))

    def _add_found(self) -> None:
        """Take the cells of the workspace that lie in the space for trials, the free ones."""
        known = {trial.key for trial in self.trials}
        for found in self.cells.found():
            if found.key in known:
                continue
            scores = self._scores(found.trained)
            if scores is None:
                self._add(found.values, "found")
                continue
            curve = found.trained.curve if len(scores) == 1 else None
            trial = made(
                self._space, found.values, found.key, "found", scores, curve, TrialState.COMPLETE
            )
            self._study.add_trial(trial)

    def _scores(self, trained: Trained) -> list[float] | None:
        """The objectives' values; None while the latency is still to be measured."""
        if len(self._config.objectives) == 1:
            return [trained.miou]
        return None if trained.latency_ms is None else [trained.miou, trained.latency_ms]

    def _end(
        self,
        trial: optuna.Trial,
        state: TrialState,
        scores: list[float] | None = None,
        reason: str = "",
    ) -> None:
        """Keep how a trial ended; one that another launcher took over is that one's to end."""
        with contextlib.suppress(UpdateFinishedTrialError):
            if reason:
                trial.set_user_attr(REASON, reason)
            self._study.tell(trial, scores, state, skip_if_finished=True)


def _gave_way(trial: optuna.Trial | FrozenTrial) -> bool:
    """Whether a trial was left to another of the same cell."""
    return trial.user_attrs.get(REPEATS) is not None
