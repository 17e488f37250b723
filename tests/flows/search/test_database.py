"""Trials in a database that goes away: it is waited for, and no trial is lost or doubled.

The database is a real one that is stopped and started again.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from optuna.trial import TrialState

from flows.search.database import PatientStorage, has_tables, trials_patience
from flows.search.storage import OPTION, known_trials
from flows.search.study import Outcome, Study
from flows.search.trials import ended
from flows.tracking.store import store_at
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace
from tests.flows.search.test_study import MEDIAN
from tests.flows.searches import cells_in, learn, opened, play, worth
from tests.flows.tracking.test_outages import meanwhile

pytestmark = pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning", "ignore:Heartbeat of storage"
)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def begin(own_postgres, tmp_path, lines):
    """Begin a search whose trials are in a fresh database."""

    def make(text=MEDIAN, seconds=60.0):
        cells, url = cells_in(tmp_path, text), own_postgres.create("trials")
        store = store_at(url, cells.workspace, named=OPTION)
        patience = trials_patience(store, seconds, lines.append)
        study = Study(cells, PatientStorage(url, patience, heartbeat_s=1), 4)
        study.begin()
        return study

    return make


@pytest.fixture
def open_one(postgres, tmp_path, lines):
    """Open the trials of a database of this name."""

    def make(name):
        url = postgres.create(name)
        store = store_at(url, Workspace(tmp_path), named=OPTION)
        return url, lambda: PatientStorage(url, trials_patience(store, 1, lines.append), 1)

    return make


def test_launchers_that_are_the_first_at_once_all_open_the_database(open_one):
    _, opening = open_one("first_ones")
    together = threading.Barrier(4)

    def first(_):
        together.wait()
        return opening().get_all_studies()

    with ThreadPoolExecutor(4) as launchers:
        assert list(launchers.map(first, range(4))) == [[]] * 4


def test_tables_of_another_version_of_optuna_are_refused_with_the_way_out(open_one):
    url, opening = open_one("other_version")
    opening()
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'v2.6.0.a'"))
    with pytest.raises(StoreError, match="optuna storage upgrade --storage ADDRESS") as refused:
        opening()
    assert "/other_version are of another version of Optuna" in str(refused.value)
    assert "cret" not in str(refused.value)


def test_a_plan_makes_nothing_in_an_empty_database(postgres, tmp_path):
    url = postgres.create("only_planned")
    assert known_trials(cells_in(tmp_path), url) == ()
    assert not has_tables(url)


@pytest.mark.slow
def test_a_database_that_comes_back_is_waited_for_and_said(begin, own_postgres, tmp_path, lines):
    study = begin()
    asked = study.next()
    learn(asked.planned, worth(asked.planned))
    meanwhile(own_postgres, lambda: study.tell(asked, Outcome("done")))
    meanwhile(own_postgres, lambda: play(study, most=1))
    play(study)
    away, back, *again = lines
    shown = f"the trials' database postgresql+psycopg2://127.0.0.1:{own_postgres.port}/trials"
    assert away.startswith(f"{shown} does not answer (")
    assert away.endswith("); waiting up to 60 s")
    assert back == f"{shown} answers again"
    assert len(again) == 2
    undisturbed = opened(cells_in(tmp_path / "undisturbed", MEDIAN))
    play(undisturbed)
    assert [(t.key, t.miou) for t in ended(study.trials)] == [
        (t.key, t.miou) for t in ended(undisturbed.trials)
    ]


def test_a_database_that_stays_away_is_one_error_and_the_same_study_goes_on_later(
    begin, own_postgres, lines
):
    study = begin(seconds=0.3)
    asked = study.next()
    learn(asked.planned, worth(asked.planned))
    own_postgres.stop()
    with pytest.raises(StoreError) as caught:
        study.tell(asked, Outcome("done"))
    own_postgres.start()
    told = str(caught.value)
    assert f"127.0.0.1:{own_postgres.port}/trials did not answer for 0 s (" in told
    assert "Run the same command again when the database is back" in told
    assert "cret" not in "".join([told, *lines])
    study.tell(asked, Outcome("done"))
    assert [trial.state for trial in study.trials] == ["done"]


def test_a_sign_of_life_that_cannot_be_given_ends_nothing(begin, own_postgres):
    study = begin()
    asked = study.next()
    own_postgres.stop()
    began = time.monotonic()
    with study.alive(asked):
        pass
    assert time.monotonic() - began < 10  # it is waited for by nobody
    own_postgres.start()
    with study.alive(asked):
        assert not study.take_over()


def test_a_trial_that_another_launcher_took_over_is_left_to_it(begin):
    study = begin()
    asked = study.next()
    learn(asked.planned, worth(asked.planned))
    study._storage.set_trial_state_values(asked.trial._trial_id, state=TrialState.FAIL)
    assert not asked.should_stop()
    study.tell(asked, Outcome("done"))
    assert [trial.state for trial in study.trials] == ["failed"]


@pytest.mark.slow
def test_a_trial_whose_launcher_died_before_its_first_sign_of_life_is_given_up_too(begin):
    study = begin()
    lost = study.next()
    assert not study.take_over()
    time.sleep(study.grace_s + 0.5)
    assert study.take_over()
    assert study.next().planned.key == lost.planned.key
