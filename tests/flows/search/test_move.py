"""Searches that go on in a database."""

import optuna
import pytest

from flows.planning.plan import PlanError
from flows.search.move import journals, move_studies
from flows.search.storage import known_trials, study_storage
from flows.search.study import Study
from hcfres.store.errors import StoreError
from tests.flows.searches import cells_in, opened, play

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def begun(tmp_path):
    """A search with three trials in its journal, and a fourth whose launcher died."""
    cells = cells_in(tmp_path)
    study = opened(cells, wanted=5)
    play(study, most=3)
    study.next()
    return cells


def test_a_search_goes_on_in_the_database_as_it_would_have_in_its_journal(
    begun, tmp_path, postgres
):
    url = postgres.create("moved")
    assert [folder.name for folder in journals(begun.workspace)] == [begun.folder.name]
    assert move_studies(url, begun.workspace) == (1, len(known_trials(begun, None)))
    assert known_trials(begun, url) == known_trials(begun, None)
    *before, last = (trial.state for trial in known_trials(begun, url))
    assert (set(before), last) == ({"done"}, "failed")
    whole = cells_in(tmp_path / "whole")
    in_one_go = play(opened(whole, wanted=5))
    with study_storage(begun, url) as storage:
        study = Study(begun, storage, 5)
        study.begin()
        assert play(study) == in_one_go[3:]


def test_asked_again_only_what_is_new_is_copied(begun, postgres):
    url = postgres.create("again")
    once = move_studies(url, begun.workspace)
    assert move_studies(url, begun.workspace) == once
    play(opened(begun, wanted=5))
    assert move_studies(url, begun.workspace) > once
    assert known_trials(begun, url) == known_trials(begun, None)


def go_on(cells, url):
    """Train everything that a search asks for in a database."""
    with study_storage(cells, url) as storage:
        study = Study(cells, storage, 5)
        study.begin()
        assert play(study)


def test_a_database_in_which_launchers_went_on_is_left_as_it_is(begun, postgres):
    url = postgres.create("went_on")
    move_studies(url, begun.workspace)
    go_on(begun, url)
    there = known_trials(begun, url)
    assert len(there) > len(known_trials(begun, None))
    assert move_studies(url, begun.workspace) == (1, len(there))
    assert known_trials(begun, url) == there


def test_trials_that_waited_may_have_been_tried_in_the_database(tmp_path, postgres):
    cells = cells_in(tmp_path)
    opened(cells)
    url = postgres.create("waited")
    move_studies(url, cells.workspace)
    assert {trial.state for trial in known_trials(cells, None)} == {"waiting"}
    go_on(cells, url)
    assert move_studies(url, cells.workspace) == (1, len(known_trials(cells, url)))


def test_a_search_that_went_on_in_both_is_refused_and_not_mixed(begun, postgres):
    url = postgres.create("both")
    move_studies(url, begun.workspace)
    optuna.load_study(study_name=begun.identity, storage=url).ask()
    there = known_trials(begun, url)
    play(opened(begun, wanted=6))
    with pytest.raises(StoreError, match="the database has other trials of this search"):
        move_studies(url, begun.workspace)
    assert known_trials(begun, url) == there


def test_a_search_that_runs_is_not_moved(begun, postgres):
    with study_storage(begun, None), pytest.raises(PlanError, match="another launcher"):
        move_studies(postgres.create("running"), begun.workspace)
