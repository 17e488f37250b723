"""Workers elsewhere, whose elsewhere is another process tree of this machine."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from pathlib import Path

import psutil
import pytest

from flows.workers.line import Door, call
from flows.workers.patience import Patience
from flows.workers.pool import STOP, JobError, JobStopped, NoWorkers, PoolClosed, Watch, WorkerPool
from flows.workers.remote import Outposts
from flows.workers.site import Hire
from hcfres.store.workspace import Workspace
from tests.flows.workers.endings import gone_within
from tests.flows.workers.far_site import FarSite

JOBS = "tests.flows.jobs_for_tests"
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def far_pool(root: Path, site: FarSite, say=lambda _: None) -> Iterator[WorkerPool]:
    source = Outposts(site, Workspace(root), say)
    with WorkerPool(source.slots, source=source) as pool:
        yield pool


@pytest.fixture
def site() -> FarSite:
    return FarSite()


@pytest.fixture
def pool(tmp_path, site) -> Iterator[WorkerPool]:
    with far_pool(tmp_path, site) as pool:
        yield pool


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Ask for a worker again almost at once."""
    monkeypatch.setattr("flows.workers.remote._PAUSE_S", 0.1)


@dataclass
class BusySite(FarSite):
    """Takes some of what it is asked for not, as Slurm when its controller is busy."""

    refused: frozenset[int] = frozenset()
    """By number, from 1."""
    asked: int = 0

    def hire(self, ticket: str) -> Hire:
        self.asked += 1
        if self.asked in self.refused:
            raise OSError("Socket timed out")
        return super().hire(ticket)


def test_a_far_worker_answers_as_a_near_one_and_stays_warm(pool):
    events = []
    assert pool.call(f"{JOBS}:add", 2, 3, on_event=events.append) == 5
    assert events == [2, 3]
    first, threads = pool.call(f"{JOBS}:who")
    assert pool.call(f"{JOBS}:who") == (first, threads)
    assert threads == "1"
    ancestors = [process.pid for process in psutil.Process(first).parents()]
    assert ancestors[2] == os.getpid()  # through its outpost and what holds that


def test_a_job_ends_where_the_caller_answers_stop_and_its_log_is_in_the_shared_folder(
    pool, tmp_path
):
    log = tmp_path / "cell" / "worker.log"
    with pytest.raises(JobStopped):
        pool.call(f"{JOBS}:add", 2, 3, on_event=lambda _: STOP, watch=Watch(log=log))
    with pytest.raises(JobError, match="ValueError: no such room"):
        pool.call(f"{JOBS}:fail", "no such room", watch=Watch(log=log))
    assert "stopped after" in log.read_text() and "no such room" in log.read_text()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_at_its_outpost(pool, site):
    before, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(JobError, match="killed by signal 9") as caught:
        pool.call(f"{JOBS}:killed")
    assert caught.value.kind == "out of memory"
    assert caught.value.device == f"{socket.gethostname()} cpu"
    assert pool.call(f"{JOBS}:who")[0] != before
    assert len(site.hired) == 1


@pytest.mark.slow
def test_a_lost_outpost_takes_its_worker_with_it_and_another_is_sent_for(pool, site):
    workers = []

    def kill_what_holds_it(pid):
        workers.append(pid)
        site.hired[0].process.kill()

    with pytest.raises(JobError, match="gone, with what had started it") as caught:
        pool.call(f"{JOBS}:sleep", 60.0, on_event=kill_what_holds_it)
    assert caught.value.kind == "lost"
    assert gone_within(workers[0], 5.0)
    assert pool.call(f"{JOBS}:add", 2, 3) == 5
    assert len(site.hired) == 2


@pytest.mark.slow
def test_a_hanging_worker_tells_where_it_is_and_is_replaced(pool, tmp_path):
    log = tmp_path / "worker.log"
    with pytest.raises(JobError, match="idle in the same place") as caught:
        pool.call(f"{JOBS}:squat", 60.0, watch=Watch(log=log, patience=Patience(still_s=3.0)))
    assert caught.value.kind == "hung"
    assert "in squat" in log.read_text()
    assert pool.call(f"{JOBS}:add", 2, 3) == 5


def test_when_the_pool_closes_nothing_is_left_of_it(tmp_path, site):
    with far_pool(tmp_path, site) as pool:
        worker, _ = pool.call(f"{JOBS}:who")
        family = [worker, *(one.pid for one in psutil.Process(worker).parents()[:2])]
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    assert all(gone_within(pid, 2.0) for pid in family)
    assert not list((tmp_path / "launchers").iterdir())
    with pytest.raises(PoolClosed):
        pool.call(f"{JOBS}:who")


@pytest.mark.parametrize("waiting", [1, 3])
def test_who_waits_for_a_worker_that_is_not_there_yet_is_told_that_the_pool_closed(
    tmp_path, waiting
):
    """As on Ctrl-C while everything is in a queue."""
    told = []
    site = FarSite(size=2, forged=lambda it: it.model_copy(update={"name": "nobody's"}))

    def call_it():
        with pytest.raises(PoolClosed):
            pool.call(f"{JOBS}:who")
        told.append(True)

    with far_pool(tmp_path, site) as pool:
        threads = [threading.Thread(target=call_it) for _ in range(waiting)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
    for thread in threads:
        thread.join(5.0)
    assert len(told) == waiting


@pytest.mark.slow
def test_jobs_go_on_with_the_workers_that_came(tmp_path):
    """The second of two is kept in the queue: its ticket is that of somebody else."""
    said = []
    others = iter([None, "nobody's"])

    def forged(ticket):
        name = next(others, None)
        return ticket if name is None else ticket.model_copy(update={"host": "192.0.2.1"})

    with far_pool(tmp_path, FarSite(size=2, forged=forged), said.append) as pool:
        found = {pool.call(f"{JOBS}:who")[0] for _ in range(3)}
    assert len(found) == 1


def test_an_outpost_without_the_secret_is_not_let_in(tmp_path, hasty):
    site = FarSite(forged=lambda it: it.model_copy(update={"secret": "00" * 32}))
    with far_pool(tmp_path, site) as pool, pytest.raises(NoWorkers) as caught:
        pool.call(f"{JOBS}:who")
    told = str(caught.value)
    assert told.startswith("--on test: no worker is left, and one that was asked for 3 times never")
    assert "cannot call the launcher at 127.0.0.1" in told


def test_a_scheduler_that_is_busy_for_a_while_costs_no_worker(tmp_path, hasty):
    said, site = [], BusySite(size=2, refused=frozenset({2, 3, 4, 5}))
    with far_pool(tmp_path, site, said.append) as pool, ThreadPoolExecutor(2) as threads:
        deadline = time.monotonic() + 30.0
        workers: set[int] = set()
        while len(workers) < 2 and time.monotonic() < deadline:
            for one in [threads.submit(pool.call, f"{JOBS}:who") for _ in range(2)]:
                workers.add(one.result()[0])
    assert len(workers) == 2
    assert site.asked == 6
    told = "it could not be asked for (OSError('Socket timed out')); it is asked for again in "
    pauses = [line.partition(told)[2] for line in said]
    assert pauses == ["0 s", "0 s", "0 s", "1 s"]  # each twice the one before, which began at 0.1


def test_workers_that_are_lost_on_their_way_do_not_end_those_that_came(tmp_path, hasty):
    """As where a machine takes jobs and loses each."""
    numbers, lost = itertools.count(1), threading.Semaphore(0)

    def forged(ticket):
        return ticket if next(numbers) == 1 else ticket.model_copy(update={"secret": "00" * 32})

    def say(line):
        if "asked for again" in line:
            lost.release()

    with far_pool(tmp_path, FarSite(size=2, forged=forged), say) as pool:
        first, _ = pool.call(f"{JOBS}:who")
        assert all(lost.acquire(timeout=30.0) for _ in range(3))
        assert pool.call(f"{JOBS}:who")[0] == first


def test_a_scheduler_that_takes_none_ends_the_pool_with_what_it_says(tmp_path, hasty):
    site = BusySite(size=2, refused=frozenset(range(1, 100)))
    with far_pool(tmp_path, site) as pool, pytest.raises(NoWorkers) as caught:
        pool.call(f"{JOBS}:who")
    assert str(caught.value).endswith("it could not be asked for (OSError('Socket timed out'))")
    assert site.asked >= 3


def test_other_code_and_another_workspace_are_refused_with_the_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.workers.ticket.code_of_cells", lambda: "0123456789abcdef")
    elsewhere = str(tmp_path / "launchers" / "elsewhere")
    site = FarSite(forged=lambda it: it.model_copy(update={"mark": elsewhere}))
    with far_pool(tmp_path, site) as pool, pytest.raises(NoWorkers) as caught:
        pool.call(f"{JOBS}:who")
    first, code, workspace = str(caught.value).splitlines()
    assert first == f"--on test: {socket.gethostname()} cannot work on this grid:"
    assert "it runs other code (" in code and "here 0123456789abcdef): bring both to" in code
    assert f"it does not see this workspace as {tmp_path}: set HCFRES_HOME" in workspace


def test_a_stranger_who_says_nothing_keeps_nobody_out():
    received = []
    door = Door("127.0.0.1", b"k" * 32, lambda line, said: received.append((line, said)))
    with socket.create_connection(("127.0.0.1", door.port)):
        line = call("127.0.0.1", door.port, b"k" * 32, "good day")
        deadline = time.monotonic() + 5.0
        while not received and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [said for _, said in received] == ["good day"]
    with pytest.raises(AuthenticationError):
        call("127.0.0.1", door.port, b"x" * 32, "good day")
    door.close()
    line.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", door.port))


@pytest.mark.slow
def test_far_workers_end_when_their_launcher_is_killed(tmp_path):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.flows.workers.test_remote import FarSite, JOBS, far_pool\n"
        "if __name__ == '__main__':\n"
        f"    with far_pool(Path({str(tmp_path)!r}), FarSite()) as pool:\n"
        "        pool.call(f'{JOBS}:sleep', 60.0, on_event=lambda pid: print(pid, flush=True))\n"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    worker = int(launcher.stdout.readline())
    outpost, hold = (one.pid for one in psutil.Process(worker).parents()[:2])
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert all(gone_within(pid, 5.0) for pid in (worker, outpost, hold))
