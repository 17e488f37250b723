"""The rounds of faults in short, and the parts that they are made of."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.faults.__main__ import available, postgres
from tests.faults.clocks import NONE_HERE, Clock, compiler
from tests.faults.damage import corrupt
from tests.faults.disks import SmallFiles
from tests.faults.faults import KINDS, Fault, Kind, Moment, Round, draw
from tests.faults.outcome import read_outcome
from tests.faults.reference import undisturbed
from tests.faults.rounds import Played, play
from tests.faults.stores import Stores
from tests.faults.verdict import partials, repeated
from tests.faults.victims import catches, left_after, processes_of

SHORT: tuple[Round, ...] = (
    Round(
        1,
        "nothing",
        "server",
        (
            Fault("kill launcher", Moment(0.1, "a stage", 0.1), 1),
            Fault("kill worker", Moment(0.3, "an epoch", 0.1), 0),
            Fault("kill mlflow", Moment(0.5), 2),
            Fault("corrupt results", Moment(0.5, "a finished cell", 0.2), 3),
        ),
    ),
    Round(
        2,
        "stages",
        "embedded",
        (
            Fault("corrupt checkpoint", Moment(0.2, "an epoch", 0.1), 4),
            Fault("interrupt launcher", Moment(0.6), 5),
            Fault("kill prefect", Moment(0.8), 6),
        ),
    ),
)
TELL_TIME = """
import sys, time
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.05)
    print(time.time(), time.monotonic() - began)
"""


def test_a_seed_says_all_of_a_round():
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_every_kind_is_drawn_with_a_store_that_can_have_it():
    rounds = [draw(seed) for seed in range(300)]
    counts = Counter(fault.kind for one in rounds for fault in one.faults)
    assert set(counts) == set(KINDS)
    for one in rounds:
        kinds = " ".join(fault.kind for fault in one.faults)
        assert "mlflow" not in kinds or one.store == "server"
        assert "database" not in kinds or one.store != "embedded"


def test_without_servers_every_store_is_embedded():
    kinds: list[Kind] = [kind for kind in KINDS if "mlflow" not in kind and "database" not in kind]
    assert {draw(seed, kinds).store for seed in range(50)} == {"embedded"}


def test_a_fault_that_there_is_not_is_refused():
    with pytest.raises(SystemExit, match="no such fault: drop tables; there are: kill launcher"):
        available(["drop tables"])


def test_a_damaged_file_differs_in_one_bit_and_not_in_time(tmp_path):
    path = tmp_path / "cells" / "a" / "results.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"12345678")
    os.utime(path, (1e9, 1e9))
    assert corrupt("corrupt results", tmp_path, 3) == path
    flipped = [a ^ b for a, b in zip(b"12345678", path.read_bytes(), strict=True)]
    assert sum(value.bit_count() for value in flipped) == 1
    assert path.stat().st_mtime == 1e9
    assert corrupt("corrupt predictions", tmp_path, 3) is None


def test_processes_are_found_by_their_workspace_and_may_be_kept_from_long_files(tmp_path):
    code = "import sys; sys.stdin.readline(); open(sys.argv[1], 'wb', 0).write(bytes(99_999))"
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "long")],
        env={**os.environ, "HCFRES_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        text=True,
    )
    try:
        while not (found := processes_of(tmp_path)):
            time.sleep(0.02)
        assert [one.pid for one in found] == [started.pid]
        disk = SmallFiles(tmp_path)
        assert disk.fill().startswith("1 processes")
        started.communicate("\n", timeout=30)
        assert (tmp_path / "long").stat().st_size < 99_999
        disk.free()
        assert left_after(found, 5.0) == []
    finally:
        started.kill()


@pytest.mark.skipif(compiler() is None, reason=NONE_HERE)
def test_a_shifted_clock_jumps_and_sleeps_take_their_time(tmp_path):
    clock = Clock(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-uc", TELL_TIME],
        env={**os.environ, **clock.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = []
    for seconds in (0, 7_200, -90):
        clock.shift(seconds)
        process.stdin.write("\n")
        process.stdin.flush()
        wall, slept = map(float, process.stdout.readline().split())
        told.append(round((wall - time.time()) / 30) * 30)
        assert 0.05 <= slept < 30.0
    process.communicate(timeout=30)
    assert told == [0, 7_200, -90]


def test_a_cell_that_ran_twice_is_told_but_for_one_that_was_damaged():
    declared = Counter({"a": 1, "b": 2, "c": 2})
    assert repeated(declared, Counter({"c": 1})) == ["cell b was run to its end 2 times, 0 damages"]


def test_what_is_left_half_written_is_told(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / ".x.partial").touch()
    assert partials(tmp_path) == ["left over: cells/.x.partial"]


def test_outcomes_are_compared_down_to_a_number(tmp_path):
    one = replace(read_outcome(tmp_path), metrics={"a": {"val/all/miou": 0.5}})
    other = replace(one, metrics={"a": {"val/all/miou": 0.25}})
    assert one.differences(one) == []
    assert one.differences(other) == ["cell a: val/all/miou differs"]


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """Play a round in the surroundings that all of them share."""
    folder = tmp_path_factory.mktemp("faults")
    reference = undisturbed(folder / "undisturbed")
    with postgres() as server:
        stores = Stores(server)
        yield lambda one: play(one, reference, stores, folder / f"round-{one.seed}")


@pytest.mark.slow
@pytest.mark.parametrize("one", SHORT, ids=lambda one: f"{one.start}, {one.store}")
def test_the_same_command_makes_up_for_faults(rounds, one):
    if missing := {fault.kind for fault in one.faults} - set(available(KINDS)):
        pytest.skip(f"not here: {', '.join(sorted(missing))}")
    played: Played = rounds(one)
    assert played.violations == (), json.dumps(played.line(), indent=1)
    assert len(played.done) >= len(one.faults) - 1


def test_a_process_catches_a_signal_from_when_it_says_so():
    code = (
        "import signal, sys; sys.stdin.readline(); "
        "signal.signal(signal.SIGTERM, print); print(flush=True); sys.stdin.readline()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        assert not catches(process.pid, signal.SIGTERM)
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert catches(process.pid, signal.SIGTERM)
        process.communicate(b"\n")
    assert not catches(process.pid, signal.SIGTERM)  # it is gone
