"""What `hcfres migrate` moves, by what it is given and what is there."""

import re
import shutil

import optuna
import pytest

from flows.commands.team import migrate
from flows.search.storage import known_trials, study_storage
from flows.search.study import Study
from flows.tracking.store import TRACKING
from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError
from hcfres.store.errors import StoreError
from tests.flows.searches import cells_in, opened, play

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def cells(tmp_path, monkeypatch, empty_database):
    """A search of a workspace with an embedded database, begun in its journal."""
    cells = cells_in(tmp_path)
    play(opened(cells, wanted=5), most=2)
    monkeypatch.setenv("HCFRES_HOME", str(cells.workspace.root))
    monkeypatch.delenv(TRACKING, raising=False)
    shutil.copy(empty_database, cells.workspace.root)
    return cells


def asked(capsys, to=None, remove=False, storage=None):
    """Run the command; what it says."""
    migrate(to, remove, storage)
    return re.sub(r"\s+", " ", capsys.readouterr().out)


def test_trials_are_moved_while_runs_stay(cells, postgres, capsys):
    url = postgres.create("trials_alone")
    said = asked(capsys, storage=url)
    assert "1 searches with 3 trials are in their database; give --storage to tune" in said
    assert "runs stay in mlflow.db; --to moves them" in said
    assert known_trials(cells, url) == known_trials(cells, None)
    assert (cells.workspace.root / "mlflow.db").exists()


def test_the_hint_of_a_move_without_trials_can_be_followed(cells, stores, postgres, capsys):
    to, url = stores.fresh("postgresql"), postgres.create("trials_later")
    assert "1 searches stay in their journals; --storage moves" in asked(capsys, to, remove=True)
    assert not (cells.workspace.root / "mlflow.db").exists()
    assert "1 searches with 3 trials are in" in asked(capsys, to, storage=url)
    assert known_trials(cells, url) == known_trials(cells, None)


def test_runs_are_moved_and_removed_after_launchers_went_on_with_the_trials(
    cells, stores, postgres, capsys
):
    to, url = stores.fresh("postgresql"), postgres.create("trials_before")
    asked(capsys, to, storage=url)
    with study_storage(cells, url) as storage:
        study = Study(cells, storage, 5)
        study.begin()
        assert play(study)
    there = len(known_trials(cells, url))
    said = asked(capsys, to, remove=True, storage=url)
    assert f"1 searches with {there} trials are in their database" in said
    assert "mlflow.db and its artefacts are removed" in said
    assert not (cells.workspace.root / "mlflow.db").exists()


def test_trials_that_do_not_fit_keep_the_runs_where_they_are(cells, stores, postgres, capsys):
    to, url = stores.fresh("postgresql"), postgres.create("other_trials")
    asked(capsys, storage=url)
    optuna.load_study(study_name=cells.identity, storage=url).ask()
    play(opened(cells, wanted=6))
    with pytest.raises(StoreError, match="the database has other trials of this search"):
        asked(capsys, to, remove=True, storage=url)
    assert (cells.workspace.root / "mlflow.db").exists()


def test_a_move_of_nothing_is_refused(cells, capsys):
    with pytest.raises(ConfigError, match="name the store that the runs go to: --to, or HCF"):
        asked(capsys)
    (cells.workspace.root / "mlflow.db").unlink()
    with pytest.raises(DataError, match="no runs are tracked in this workspace"):
        asked(capsys, "http://127.0.0.1:9")
