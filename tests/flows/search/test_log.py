"""What MLflow is told of a search by launchers that share it."""

import shutil

import pytest

from flows.search.log import StudyLog
from flows.tracking.tracker import Tracker
from tests.flows.searches import cells_in, opened, play

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def test_two_launchers_log_each_trial_once(tmp_path, empty_database):
    cells = cells_in(tmp_path)
    study = opened(cells, wanted=3)
    cells.workspace.root.mkdir(exist_ok=True)
    shutil.copy(empty_database, cells.workspace.root / "mlflow.db")
    tracker = Tracker(cells.workspace)
    one, other = StudyLog(tracker, cells), StudyLog(tracker, cells)
    for log in (one, other, one):
        play(study, most=1)
        log.trials(study.trials)
        log.trials(study.trials)
    assert one.run.run_id == other.run.run_id
    history = tracker.client.get_metric_history(one.run.run_id, "search/held_out_miou")
    assert [(point.step, point.value) for point in history] == [
        (trial.number, trial.miou) for trial in study.trials if trial.repeats is None
    ]
