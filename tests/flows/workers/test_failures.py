"""What a dead, stopped, stuck or starved worker costs, and what is said of it."""

import os
import signal
import threading

import pytest

from flows.workers.beats import Beat
from flows.workers.failures import death, kind_of
from flows.workers.job_log import LONGEST
from flows.workers.patience import HungError, Patience, Vigil
from flows.workers.pool import JobError, PoolClosed, Watch, WorkerPool
from tests.flows.clock import Clock

JOBS = "tests.flows.jobs_for_tests"
PATIENCE = Patience(silent_s=60.0, still_s=60.0, least_s=60.0)


@pytest.fixture
def pool():
    with WorkerPool(("cpu",)) as pool:
        yield pool


@pytest.fixture
def clock():
    return Clock()


def live(vigil, clock, seconds, where=None, waits=False, works=0.0):
    """Let seconds pass, with a beat in each, and so much work."""
    for second in range(seconds):
        clock.now += 1.0
        place = where or f"line {second}"
        vigil.beat(Beat((place,), waits, works * clock.now, 1.0))
        vigil.look()


def test_a_worker_without_a_beat_hangs_when_its_patience_is_over(clock):
    vigil = Vigil(Patience(silent_s=5.0), clock)
    for _ in range(5):
        clock.now += 1.0
        vigil.look()
    clock.now += 1.0
    with pytest.raises(HungError, match="no sign of life for 6 s"):
        vigil.look()


def test_a_worker_in_the_same_place_hangs_and_the_place_is_named(clock):
    vigil = Vigil(Patience(still_s=10.0), clock)
    live(vigil, clock, 100)
    with pytest.raises(HungError, match=r"idle in the same place for 11 s: loop\.py:7 step"):
        live(vigil, clock, 12, "loop.py:7 step")


def test_a_long_computation_in_one_place_is_no_hang(clock):
    live(Vigil(Patience(still_s=10.0), clock), clock, 100, "loop.py:7 step", works=0.2)


def test_waiting_for_another_process_is_no_hang(clock):
    live(Vigil(Patience(still_s=10.0), clock), clock, 100, "locks.py:40 _take", waits=True)


def test_the_first_step_may_take_as_long_as_it_gets_on(clock):
    live(Vigil(Patience(least_s=10.0), clock), clock, 1000)


def test_later_steps_may_take_so_many_times_the_median_of_those_before(clock):
    vigil = Vigil(Patience(least_s=10.0, factor=3.0), clock)
    for seconds in (4, 5, 60, 6):
        live(vigil, clock, min(seconds, 12))
        vigil.event()
    live(vigil, clock, 16)  # three times 5.5 are 16.5
    with pytest.raises(HungError, match=r"no progress for 1[67] s, where a step took 5\.5 s"):
        live(vigil, clock, 2)


def test_no_step_is_hurried_below_the_least(clock):
    vigil = Vigil(Patience(least_s=30.0, factor=3.0), clock)
    live(vigil, clock, 1)
    vigil.event()
    live(vigil, clock, 30)


def test_time_in_which_we_were_stopped_ourselves_does_not_count(clock):
    vigil = Vigil(Patience(silent_s=5.0), clock)
    clock.now += 3600.0
    vigil.look()


def test_a_stopped_worker_costs_its_job_and_is_replaced(pool):
    pids: list[int] = []

    def stop(pid):
        pids.append(pid)
        threading.Timer(0.5, os.kill, (pid, signal.SIGSTOP)).start()

    patience = Patience(silent_s=2.0)
    with pytest.raises(JobError, match=r"hung while running .*no sign of life") as caught:
        pool.call(f"{JOBS}:sleep", 60.0, on_event=stop, watch=Watch(patience=patience))
    assert caught.value.kind == "hung"
    assert pool.call(f"{JOBS}:who")[0] != pids[0]


def test_a_deadlock_costs_its_job_and_the_log_says_where_it_stood(pool, tmp_path):
    watch = Watch(log=tmp_path / "worker.log", patience=Patience(still_s=3.0))
    with pytest.raises(
        JobError, match=r"idle in the same place for .*jobs_for_tests\.py"
    ) as caught:
        pool.call(f"{JOBS}:squat", 60.0, watch=watch)
    assert caught.value.kind == "hung"
    assert "in squat" in caught.value.details
    assert "in squat" in watch.log.read_text()


def test_a_step_that_never_ends_costs_its_job(pool):
    watch = Watch(patience=Patience(least_s=2.0, factor=3.0))
    with pytest.raises(JobError, match="no progress for") as caught:
        pool.call(f"{JOBS}:steps", [0.1, 0.1, 0.1, 60.0], watch=watch)
    assert caught.value.kind == "hung"


def test_a_worker_killed_for_memory_is_told_from_one_that_crashed(pool):
    with pytest.raises(
        JobError,
        match=r"signal 9, as the system does when memory runs out; it had at most [0-9,]+ MB",
    ) as caught:
        pool.call(f"{JOBS}:killed")
    assert caught.value.kind == "out of memory"
    with pytest.raises(JobError, match=r"died while running .*SIGSEGV") as caught:
        pool.call(f"{JOBS}:crash")
    assert caught.value.kind == "died"


def test_memory_that_is_not_given_is_said_with_the_most_there_was_and_a_new_worker_comes(pool):
    before, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(JobError, match=r"^MemoryError: .*had at most [0-9,]+ MB\)") as caught:
        pool.call(f"{JOBS}:exhaust")
    assert (caught.value.kind, caught.value.device) == ("out of memory", "cpu")
    assert pool.call(f"{JOBS}:who")[0] != before


def test_errors_are_told_apart_by_what_the_libraries_call_them():
    lost = RuntimeError("CUDA error: an illegal memory access was encountered")
    starved = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    found = [kind_of(error) for error in (lost, starved, MemoryError(), ValueError("CUDA"))]
    assert found == ["device", "out of memory", "out of memory", "error"]
    assert death(1) == ("died", "ended with exit code 1")


@pytest.fixture
def gpu_pool():
    with WorkerPool(("cuda:0",)) as pool:
        yield pool


@pytest.mark.gpu
def test_a_worker_sees_its_gpu_alone_and_tells_how_it_is_used(gpu_pool):
    beats = []
    found = gpu_pool.call(f"{JOBS}:use_gpu", 3.0, watch=Watch(beat=beats.append))
    assert found == (1, "cuda:0")
    assert beats[-1].system["gpu_0_memory_usage_megabytes"] > 4


@pytest.mark.gpu
def test_the_gpus_memory_that_is_not_given_costs_the_job_alone(gpu_pool):
    with pytest.raises(JobError, match=r"OutOfMemoryError: .* MB of the GPU's\)") as caught:
        gpu_pool.call(f"{JOBS}:exhaust_gpu")
    assert caught.value.kind == "out of memory"
    assert gpu_pool.call(f"{JOBS}:use_gpu", 0.1)[0] == 1


@pytest.mark.gpu
def test_a_lost_gpu_costs_the_job_alone(gpu_pool):
    with pytest.raises(JobError) as caught:
        gpu_pool.call(f"{JOBS}:lose_gpu")
    assert caught.value.kind == "device"
    assert gpu_pool.call(f"{JOBS}:use_gpu", 0.1)[0] == 1


def test_what_a_crashing_library_says_is_in_the_log_and_in_the_error(pool, tmp_path):
    watch = Watch(log=tmp_path / "cell" / "worker.log")
    with pytest.raises(JobError) as caught:
        pool.call(f"{JOBS}:crash", watch=watch)
    assert "Segmentation fault" in watch.log.read_text()
    assert "Segmentation fault" in caught.value.details


def test_everything_written_during_a_job_and_nothing_else_is_in_its_log(pool, tmp_path, capfd):
    first, second = (Watch(log=tmp_path / name) for name in ("first.log", "second.log"))
    pool.call(f"{JOBS}:chatter", "one", watch=first)
    pool.call(f"{JOBS}:chatter", "two", watch=second)
    pool.call(f"{JOBS}:chatter", "three")
    told = first.log.read_text()
    for source in ("python", "C", "descriptor"):
        assert f"{source} says one" in told
    assert "two" not in told
    assert "begins on cpu" in told.splitlines()[0]
    assert "done after" in told.splitlines()[-1]
    assert "descriptor says three" in capfd.readouterr().err


def test_events_and_tracebacks_are_in_the_log(pool, tmp_path):
    watch = Watch(log=tmp_path / "worker.log")
    pool.call(f"{JOBS}:add", 21, 34, watch=watch)
    with pytest.raises(JobError):
        pool.call(f"{JOBS}:fail", "no such room", watch=watch)
    told = watch.log.read_text()
    assert " 21\n" in told
    assert "raise ValueError(message)" in told
    assert "failed after" in told


def test_a_log_stays_bounded_and_keeps_its_end(pool, tmp_path):
    watch = Watch(log=tmp_path / "worker.log")
    pool.call(f"{JOBS}:flood", 2.5, watch=watch)
    pool.call(f"{JOBS}:sleep", 1.5, watch=watch)
    assert watch.log.stat().st_size < LONGEST
    assert "cut off" in watch.log.read_text().splitlines()[0]
    assert watch.log.read_text().splitlines()[-1].endswith("s")


def test_a_log_that_is_removed_meanwhile_is_no_failure(pool, tmp_path):
    watch = Watch(log=tmp_path / "worker.log", patience=Patience(silent_s=3.0))
    pool.call(f"{JOBS}:sleep", 5.0, on_event=lambda _: watch.log.unlink(), watch=watch)


def test_a_place_where_there_can_be_no_log_is_an_error_of_the_job(pool, tmp_path):
    (tmp_path / "file").touch()
    before, _ = pool.call(f"{JOBS}:who")
    with pytest.raises(JobError, match=r"^(NotADirectory|FileExists)Error") as caught:
        pool.call(f"{JOBS}:who", watch=Watch(log=tmp_path / "file" / "worker.log"))
    assert caught.value.kind == "error"
    assert pool.call(f"{JOBS}:who")[0] == before


def test_a_worker_that_died_while_nobody_needed_it_costs_nothing(pool):
    pid, _ = pool.call(f"{JOBS}:who")
    os.kill(pid, signal.SIGKILL)
    pool._all[0].process.join()
    assert pool.call(f"{JOBS}:add", 2, 3) == 5


def test_ctrl_c_is_the_pools_to_handle(pool):
    def interrupt(pid):
        os.kill(pid, signal.SIGINT)

    pid = pool.call(f"{JOBS}:who")[0]
    pool.call(f"{JOBS}:sleep", 0.5, on_event=interrupt)
    assert pool.call(f"{JOBS}:who")[0] == pid


def test_a_job_of_a_pool_that_closes_did_not_fail(pool):
    def close(_):
        threading.Timer(0.2, pool.close).start()

    with pytest.raises(PoolClosed):
        pool.call(f"{JOBS}:sleep", 60.0, on_event=close)
    with pytest.raises(PoolClosed):
        pool.call(f"{JOBS}:who")


def test_the_caller_hears_of_the_device_and_of_signs_of_life(pool):
    devices, beats = [], []
    watch = Watch(begun=devices.append, beat=beats.append)
    pool.call(f"{JOBS}:sleep", 2.5, watch=watch)
    assert devices == ["cpu"]
    assert "jobs_for_tests.py" in beats[0].where[-1]
    assert beats[0].peak_mb > 10
    assert beats[0].system["process_memory_megabytes"] > 10
