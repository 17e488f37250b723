"""Several launchers at one search: no trial is lost, none counts twice."""

import pytest
from optuna.trial import TrialState

from flows.cells.claim import CellDone, CellTaken, Claim
from flows.search.flow import _claim_untrained
from flows.search.records import CELL, REPEATS, made
from flows.search.storage import study_storage
from flows.search.study import Outcome, Study
from flows.search.trials import asked_for, best_by_miou, ended
from flows.search.winner import candidates
from tests.flows.fabricated import CODE
from tests.flows.search.test_study import GRID
from tests.flows.searches import SMALL, cells_in, learn, opened, play, worth

pytestmark = pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning", "ignore:Heartbeat of storage"
)


@pytest.fixture
def launchers(postgres, tmp_path):
    """Two launchers of a search whose trials are in a fresh database; neither has begun."""

    def make(text=SMALL):
        cells = cells_in(tmp_path, text)
        url = postgres.create(f"launchers_{tmp_path.name.lower()[-40:]}")
        studies = []
        for _ in range(2):
            with study_storage(cells, url) as storage:
                studies.append(Study(cells, storage, 9))
        return studies

    return make


def see_to(study, asked):
    learn(asked.planned, worth(asked.planned))
    study.tell(asked, Outcome("done"))


@pytest.mark.parametrize("text", [SMALL, GRID])
def test_of_two_that_ask_for_one_cell_at_once_the_earlier_trial_goes_on(launchers, text):
    one, other = launchers(text)
    base = next(iter(one.cells.search.space.points()))
    key = one.cells.planned(base, "base").key
    for study in (one, other):
        study._add(base, "base")
    first, second = one._ask(), other._ask()
    second.set_user_attr(CELL, key)  # both have said what they are at before either looks
    asked = one._settle(first)
    assert other._settle(second) is None
    see_to(one, asked)
    while (asked := one.next()) or (asked := other.next()):
        see_to(one, asked)
    assert [(t.state, t.repeats) for t in one.trials[:2]] == [("done", None), ("failed", 0)]
    assert len(ended(one.trials)) == 9 == len(asked_for(one.trials))


def lose(study, values):
    """Let two trials of a cell end by each leaving it to the other, as two launchers once did."""
    for _ in range(2):
        study._add(values, "drawn")
    numbers = [study._ask().number for _ in range(2)]
    for trial, other in zip(study._frozen()[-2:], reversed(numbers), strict=True):
        study._storage.set_trial_user_attr(trial._trial_id, REPEATS, other)
        study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)


def test_a_base_that_two_trials_left_to_each_other_is_tried_again(tmp_path):
    cells = cells_in(tmp_path)
    study = opened(cells, wanted=1)
    base = study.trials[0].values
    study.next()
    lose(study, base)
    study._storage.set_trial_user_attr(study._frozen()[0]._trial_id, REPEATS, 1)
    again = opened(cells, wanted=1)
    assert play(again) == [cells.planned(base, "base").key]
    (found,) = candidates(cells, again.trials)
    assert found.is_base and found.trial.state == "done"


def test_a_point_that_two_trials_left_to_each_other_is_still_a_grids_next(tmp_path):
    study = opened(cells_in(tmp_path, GRID), wanted=9)
    play(study, most=1)
    lost = list(study.cells.search.space.points())[4]
    lose(study, lost)
    play(study)
    assert len(ended(study.trials)) == 9
    assert study.cells.planned(lost, "lost").key in asked_for(study.trials)


def test_a_trial_that_is_tried_again_after_it_gave_way_to_one_that_failed_is_its_own(tmp_path):
    study = opened(cells_in(tmp_path), wanted=1)
    base = study.trials[0].values
    asked = study.next()
    study._add(base, "base")
    waiting = study._frozen()[-1]
    study._storage.set_trial_user_attr(waiting._trial_id, REPEATS, 0)  # as Optuna copies it
    study.tell(asked, Outcome("failed", "out of memory"))
    see_to(study, study.next())
    assert [(t.state, t.repeats) for t in study.trials] == [("failed", None), ("done", None)]


def test_a_cell_that_two_launchers_found_is_one_trial_of_the_best(tmp_path):
    cells = cells_in(tmp_path, SMALL.replace("best = 1", "best = 3"))
    points = list(cells.search.space.points())
    for values in points[:4]:
        planned = cells.planned(values, "")
        learn(planned, worth(planned))
    study = opened(cells, wanted=1)
    play(study)
    for trial in study.trials[:]:  # another launcher began at the same time
        scores = [trial.miou]
        again = made(
            cells.search.space, trial.values, trial.key, trial.origin, scores,
            state=TrialState.COMPLETE,
        )  # fmt: skip
        study._study.add_trial(again)
    assert len(study.trials) == 8
    assert len({trial.key for trial in best_by_miou(study.trials, 3)}) == 3
    found = candidates(cells, study.trials)
    assert [one.is_base for one in found].count(True) == 1
    assert len({one.trial.key for one in found}) == len(found)


def test_a_further_seed_is_claimed_when_a_worker_is_free_and_left_where_another_has_it(tmp_path):
    cells = cells_in(tmp_path)
    study = opened(cells)
    planned = cells.planned({}, "trial 0", seed=2000)
    planned.folder.mkdir(parents=True)
    with Claim(planned, CODE) as ours, Claim(planned, CODE) as theirs:
        _claim_untrained(theirs, study)
        with pytest.raises(CellTaken):
            _claim_untrained(ours, study)
    learn(planned, 0.5)
    with Claim(planned, CODE) as ours, pytest.raises(CellDone):
        _claim_untrained(ours, study)
