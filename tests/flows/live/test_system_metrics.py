"""What a cell asks of its machine, on its run: seldom, and by the names MLflow shows."""

import pytest

from flows.live.system_metrics import SystemMetrics
from flows.tracking.tracker import BESIDE_RESULTS, Tracker
from flows.workers.beats import Beat
from hcfres.store.workspace import Workspace


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def run(tmp_path):
    tmp_path.joinpath("cell").mkdir()
    return Tracker(Workspace(tmp_path)).run(tmp_path / "cell", "a cell", "cell")


def beats(run, clock, seconds):
    told = SystemMetrics(run, clock)
    for _ in range(seconds):
        clock.now += 1.0
        told(Beat((), False, 0.0, 1.0, {"process_memory_megabytes": clock.now}))


def logged(run):
    history = run.client.get_metric_history(run.run_id, "system/process_memory_megabytes")
    return [(metric.step, metric.value) for metric in history]


def test_signs_of_life_are_logged_every_ten_seconds_and_go_on_where_they_were(run):
    beats(run, Clock(), 35)
    assert logged(run) == [(0, 10.0), (1, 20.0), (2, 30.0)]
    beats(run, Clock(), 10)
    assert logged(run)[-1] == (3, 10.0)


def test_a_long_cell_is_logged_less_often(run):
    clock = Clock()
    told = SystemMetrics(run, clock)
    for hour in range(1, 4):
        clock.now = hour * 3600.0
        for _ in range(60):
            clock.now += 1.0
            told(Beat((), False, 0.0, 1.0, {"process_memory_megabytes": float(hour)}))
    assert [value for _, value in logged(run)].count(1.0) == 2
    assert [value for _, value in logged(run)].count(3.0) == 1


def test_they_are_no_results():
    assert "system/" in BESIDE_RESULTS


def test_a_beat_without_measurements_is_not_logged(run):
    clock = Clock()
    told = SystemMetrics(run, clock)
    clock.now = 60.0
    told(Beat((), False, 0.0, 1.0))
    assert logged(run) == []
