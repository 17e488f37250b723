"""One job in several workers at once."""

import threading
import time

import pytest

from flows.workers.joint_job import call_team
from flows.workers.pool import NOBODY, JobError, WorkerPool

JOBS = "tests.flows.jobs_for_teams"


@pytest.fixture(scope="module")
def pool():
    """Two workers that have torch ready."""
    with WorkerPool(("cpu", "cpu")) as pool:
        call_team(pool, f"{JOBS}:sum_up", (0.0,), print, NOBODY, size=2)
        yield pool


def test_a_team_meets_and_the_first_of_it_speaks(pool):
    events = []
    assert call_team(pool, f"{JOBS}:sum_up", (5.0,), events.append, NOBODY, size=2) == 11
    assert events == ["rank 0 of 2"]


def test_one_alone_is_told_of_no_team(pool):
    events = []
    assert call_team(pool, f"{JOBS}:add", (2, 3), events.append, NOBODY, size=1) == 5
    assert events == [2, 3]


@pytest.mark.parametrize(
    ("rank", "how"),
    [
        (1, "fails"),
        pytest.param(0, "fails", marks=pytest.mark.slow),
        pytest.param(0, "dies", marks=pytest.mark.slow),
        pytest.param(1, "dies", marks=pytest.mark.slow),
    ],
)
def test_when_one_ends_the_others_do_not_wait_for_it(pool, how, rank):
    began = time.monotonic()
    message = {"fails": f"rank {rank} has had enough", "dies": "died while running"}[how]
    with pytest.raises(JobError, match=message):
        call_team(pool, f"{JOBS}:leave", (rank, how), print, NOBODY, size=2)
    assert time.monotonic() - began < 30
    assert pool.call(f"{JOBS}:add", 1, 1) == 2


@pytest.mark.parametrize("rank", [0, 1])
def test_a_worker_that_is_lost_is_the_reason_though_another_failed_for_want_of_it_first(pool, rank):
    with pytest.raises(JobError, match="died while running") as caught:
        call_team(pool, f"{JOBS}:leave", (rank, "is missed"), print, NOBODY, size=2)
    assert caught.value.kind != "error"


def test_two_teams_that_want_the_same_workers_take_turns(pool):
    sums = []

    def one():
        sums.append(call_team(pool, f"{JOBS}:sum_up", (1.0,), print, NOBODY, size=2))

    threads = [threading.Thread(target=one, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sums == [3, 3, 3]
