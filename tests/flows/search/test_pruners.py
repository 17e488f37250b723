"""Hyperband over cells: brackets by key, rungs by curves, alike however often it was cut off."""

from collections import Counter

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from flows.search.pruners import Hyperband
from flows.search.records import CELL
from flows.search.study import Outcome
from hcfres.config.search import HyperbandConfig
from tests.flows.search.test_study import MEDIAN
from tests.flows.searches import SMALL, cells_in, learn, opened, worth

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
HYPERBAND = SMALL.replace(
    "confirm ", 'pruner = { kind = "hyperband", min_epochs = 1, reduction_factor = 2 }\nconfirm '
)
PRUNER = Hyperband(HyperbandConfig(kind="hyperband", min_epochs=5, reduction_factor=2), 20)
OURS, *KEYS = (key for key in map(str, range(100)) if PRUNER._bracket(key) == 0)
"""Of cells that meet one another after 5, 10 and 20 epochs."""


def trial(key, curve, state=TrialState.COMPLETE):
    return create_trial(
        state=state,
        value=max(curve.values()) if state is TrialState.COMPLETE else None,
        params={"x": 0.0},
        distributions={"x": FloatDistribution(0, 1)},
        user_attrs={CELL: key},
        intermediate_values=curve,
    )


def is_pruned(curve, *others):
    """Whether a cell that scored like this so far is pruned beside others."""
    study = optuna.create_study(direction="maximize")
    study.add_trials(others)
    return PRUNER.prune(study, trial(OURS, curve, TrialState.RUNNING))


def test_brackets_share_the_cells_as_hyperband_shares_its_trials():
    """Of rungs after 1, 2 and 4 epochs: ceil(3 * 4 / 3), ceil(3 * 2 / 2) and 3 of ten."""
    pruner = Hyperband(HyperbandConfig(kind="hyperband", min_epochs=1, reduction_factor=2), 6)
    counted = Counter(pruner._bracket(f"{number:016x}") for number in range(5000))
    assert [counted[n] / 5000 for n in range(3)] == pytest.approx([0.4, 0.3, 0.3], abs=0.03)


def test_the_best_of_few_goes_on_and_else_the_best_share():
    others = [trial(key, {5: n / 10}) for n, key in enumerate(KEYS[:5], 1)]
    assert not is_pruned({5: 0.1})
    assert is_pruned({5: 0.15}, *others[:2])
    assert not is_pruned({5: 0.2}, *others[:2])
    assert not is_pruned({5: 0.35}, *others)  # third of six, of which three go on
    assert is_pruned({5: 0.25}, *others)


def test_a_rung_is_reached_at_the_first_check_after_it_and_judged_there_alone():
    better = trial(KEYS[0], {6: 0.9, 12: 0.9})
    assert not is_pruned({}, better)
    assert not is_pruned({4: 0.1}, better)
    assert is_pruned({4: 0.1, 7: 0.1}, better)
    assert not is_pruned({5: 0.1, 8: 0.1}, better)
    assert is_pruned({5: 0.1, 8: 0.1, 10: 0.1}, better)


def test_a_cell_of_another_bracket_or_one_that_failed_is_nobodys_measure():
    elsewhere = next(key for key in map(str, range(100)) if PRUNER._bracket(key) == 1)
    assert is_pruned({5: 0.1}, trial(KEYS[0], {5: 0.9}))
    assert not is_pruned({5: 0.1}, trial(KEYS[0], {5: 0.9}, TrialState.FAIL))
    assert not is_pruned({5: 0.1}, trial(elsewhere, {5: 0.9}))


def test_a_cell_that_was_asked_for_several_times_is_measured_by_once():
    low = [trial(key, {5: 0.2}) for key in KEYS[1:3]]
    assert not is_pruned({5: 0.5}, trial(KEYS[0], {5: 0.9}), *low)  # second of four
    assert not is_pruned({5: 0.5}, *[trial(KEYS[0], {5: 0.9})] * 3, *low)


def see_to(study, asked):
    """Train a trial to its fifth epoch and, where the pruner lets it, to its end."""
    score = worth(asked.planned)
    learn(asked.planned, score, epochs=5)
    ended = "pruned" if asked.should_stop() else "done"
    if ended == "done":
        learn(asked.planned, score)
    study.tell(asked, Outcome(ended))
    return asked.planned.key, ended


@pytest.mark.parametrize("text", [MEDIAN, HYPERBAND])
def test_what_is_pruned_is_the_same_where_launchers_were_killed(tmp_path, text):
    study = opened(cells_in(tmp_path / "whole", text), wanted=9)
    whole = []
    while (asked := study.next()) is not None:
        whole.append(see_to(study, asked))
    cells, cut = cells_in(tmp_path / "cut", text), []
    for place in range(9):
        study = opened(cells, wanted=9)
        cut.append(see_to(study, study.next()))
        dying = study.next()
        if dying is not None and place % 2:
            learn(dying.planned, worth(dying.planned), epochs=5)
            dying.should_stop()
    assert {ended for _, ended in whole} == {"done", "pruned"}
    assert cut == whole
