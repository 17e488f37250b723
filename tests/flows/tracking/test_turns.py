"""Threads share the client of the embedded database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.tracking.turns import in_turn


@pytest.fixture
def client(tmp_path):
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def experiment(client, tmp_path):
    return client.create_experiment("turns", artifact_location=(tmp_path / "kept").as_uri())


def test_what_sixteen_threads_log_at_once_is_all_there(client, experiment, tmp_path):
    shared = in_turn(client, tmp_path / "mlflow.db")

    def log(number):
        run_id = shared.create_run(experiment, run_name=str(number)).info.run_id
        shared.log_param(run_id, "number", number)
        shared.set_terminated(run_id)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(log, range(48)))
    runs = client.search_runs([experiment], max_results=100)
    assert sorted(int(run.data.params["number"]) for run in runs) == list(range(48))
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize("folder", [None, "within/this"])
def test_artefacts_lie_where_a_plain_client_looks_for_them_whoever_made_the_run(
    client, experiment, tmp_path, folder
):
    shared, told = in_turn(client, tmp_path / "mlflow.db"), tmp_path / "told.txt"
    told.write_text("what was told")
    for maker in (shared, client):
        run_id = maker.create_run(experiment).info.run_id
        shared.log_artifact(run_id, str(told), folder)
        (found,) = client.list_artifacts(run_id, folder)
        fetched = client.download_artifacts(run_id, found.path, str(tmp_path))
        assert Path(fetched).read_text() == "what was told"


def test_what_a_call_raises_is_told_and_the_next_has_its_turn(client, experiment, tmp_path):
    shared = in_turn(client, tmp_path / "mlflow.db")
    with pytest.raises(Exception, match="not found"):
        shared.get_run("0" * 32)
    assert shared.get_experiment(experiment).name == "turns"
