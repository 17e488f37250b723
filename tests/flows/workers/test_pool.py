import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.workers.pool import STOP, JobError, JobStopped, PoolClosed, Watch, WorkerPool
from flows.workers.retries import persist
from tests.flows.workers.endings import gone_within

JOBS = "tests.flows.jobs_for_tests"


@pytest.fixture
def pool():
    with WorkerPool(("cpu",)) as pool:
        yield pool


def test_a_job_returns_its_result_and_its_events_in_order(pool):
    events = []
    assert pool.call(f"{JOBS}:add", 2, 3, on_event=events.append) == 5
    assert events == [2, 3]


def test_a_worker_stays_warm_and_has_one_thread(pool):
    first, threads = pool.call(f"{JOBS}:who")
    assert pool.call(f"{JOBS}:who") == (first, threads)
    assert threads == "1"
    assert first != os.getpid()


def test_warm_workers_have_done_their_first_job_when_they_are_asked_for_another():
    with WorkerPool(("cpu", "cpu")) as pool:
        pool.warm(f"{JOBS}:who")
        first, _ = pool.call(f"{JOBS}:who")
        assert first != os.getpid()


def test_a_first_job_that_fails_is_no_failure(pool):
    pool.warm(f"{JOBS}:die")
    assert pool.call(f"{JOBS}:add", 2, 3) == 5


def test_a_job_ends_where_the_caller_answers_stop_and_the_worker_stays_warm(pool):
    before, _ = pool.call(f"{JOBS}:who")
    events = []
    with pytest.raises(JobStopped):
        pool.call(f"{JOBS}:add", 2, 3, on_event=lambda it: (events.append(it), STOP)[1])
    assert events == [2]
    assert pool.call(f"{JOBS}:who")[0] == before


def test_an_urgent_job_comes_before_those_asked_for_earlier(pool):
    done = []
    asked = [("busy", False), ("first", False), ("second", False), ("urgent", True)]

    def call(name, urgent):
        pool.call(f"{JOBS}:sleep", 0.5, watch=Watch(urgent=urgent))
        done.append(name)

    with ThreadPoolExecutor(len(asked)) as threads:
        for one in asked:
            threads.submit(call, *one)
            time.sleep(0.05)
    assert done == ["busy", "urgent", "first", "second"]


def test_a_failing_job_says_why_and_costs_only_itself(pool):
    before, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(JobError, match="ValueError: no such room") as caught:
        pool.call(f"{JOBS}:fail", "no such room")
    assert "jobs_for_tests.py" in caught.value.details
    assert pool.call(f"{JOBS}:who")[0] == before


def test_a_dead_worker_is_replaced(pool):
    before, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(JobError, match=r"died while running .*:die"):
        pool.call(f"{JOBS}:die")
    assert pool.call(f"{JOBS}:who")[0] != before


@pytest.mark.parametrize(("job", "seconds"), [("sleep", 10.0), ("sleep_without_letting_go", 1.0)])
def test_workers_end_when_their_parent_is_killed(job, seconds):
    script = (
        "from flows.workers.pool import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    WorkerPool(('cpu',)).call("
        f"'{JOBS}:{job}', 60.0, on_event=lambda pid: print(pid, flush=True))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    worker = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone_within(worker, seconds)


def test_a_job_that_its_caller_declines_when_it_is_its_turn_leaves_the_worker_to_the_next(pool):
    def declines(_: str) -> None:
        raise LookupError("somebody else does it")

    worker, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(LookupError, match="somebody else"):
        pool.call(f"{JOBS}:who", watch=Watch(begun=declines))
    assert pool.call(f"{JOBS}:who")[0] == worker


@pytest.fixture
def no_files(monkeypatch) -> Iterator[Callable[[bool], None]]:
    """Let this process open no file more, or again as many as before."""
    monkeypatch.setattr("flows.workers.pool._TO_START_AGAIN_S", 0.2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit(none: bool) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3 if none else soft, hard))

    yield limit
    limit(False)


def test_a_worker_that_cannot_be_started_costs_no_slot_and_is_tried_again(pool, no_files):
    no_files(True)
    for _ in range(2):  # more than there are slots
        with pytest.raises(JobError, match=r"no worker could be started on cpu: .*open files"):
            pool.call(f"{JOBS}:add", 2, 3)
    told = []

    def files_are_closed(error: JobError) -> None:
        told.append(error.kind)
        no_files(False)

    assert persist(lambda: pool.call(f"{JOBS}:add", 2, 3), files_are_closed) == 5
    assert told == ["lost"]


def test_a_pool_that_is_closed_while_no_worker_can_be_started_blames_no_job(pool, no_files):
    no_files(True)
    threading.Timer(0.1, pool.close).start()
    with pytest.raises(PoolClosed):
        pool.call(f"{JOBS}:add", 2, 3)
