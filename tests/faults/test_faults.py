"""The rounds of faults in short, and the parts that they are made of."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from mlflow.entities import Run, RunData, RunInfo, RunTag

from hcfres.store.errors import writing_failed
from hcfres.store.files import write_atomic
from tests.faults.__main__ import available, postgres
from tests.faults.clocks import NONE_HERE, Clock, compiler
from tests.faults.damage import corrupt
from tests.faults.disks import SmallFiles, refused_in
from tests.faults.faults import KINDS, Fault, Kind, Moment, Round, draw
from tests.faults.outcome import Outcome, read_outcome
from tests.faults.reference import telling, undisturbed
from tests.faults.rounds import Played, play
from tests.faults.stores import Stores
from tests.faults.verdict import EPOCHS, not_ended, partials, repeated, retrained
from tests.faults.victims import catches, left_after, processes_of
from tests.faults.watch import Watch

SHORT: tuple[Round, ...] = (
    Round(
        1,
        "nothing",
        "server",
        (
            Fault("kill launcher", Moment(0.1, "a stage", 0.1), 1),
            Fault("kill worker", Moment(0.3, "an epoch", 0.1), 0),
            Fault("kill mlflow", Moment(0.35, "an epoch", 0.3), 2),
            Fault("corrupt results", Moment(0.5, "a finished cell", 0.2), 3),
        ),
    ),
    Round(
        2,
        "stages",
        "embedded",
        (
            Fault("corrupt checkpoint", Moment(0.1, "an epoch", 0.1), 4),
            Fault("corrupt journal", Moment(0.2, "an epoch", 0.1), 7),
            Fault("interrupt launcher", Moment(0.3, "an epoch", 0.2), 5),
            Fault("corrupt note", Moment(0.35, "an epoch", 0.1), 8),
            Fault("kill prefect", Moment(0.4, "an epoch", 0.1), 6),
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


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("corrupt checkpoint", "checkpoint/state.safetensors"),
        ("corrupt best", "best_held_out/weights.safetensors"),
        ("corrupt journal", "metrics.jsonl"),
        ("corrupt entries", "entries.json"),
    ],
)
def test_what_a_cell_is_gone_on_with_is_damaged_where_it_is_not_finished(tmp_path, kind, name):
    for cell in ("done", "partial"):
        write_atomic(tmp_path / "cells" / cell / name, b"12345678")
    (tmp_path / "cells" / "done" / "DONE.json").touch()
    for number in range(8):
        assert corrupt(kind, tmp_path, number) == tmp_path / "cells" / "partial" / name
    (tmp_path / "cells" / "partial" / "DONE.json").touch()
    assert corrupt(kind, tmp_path, 0) is None


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


def test_epochs_that_were_trained_again_are_told_but_for_a_damage(tmp_path):
    watch = Watch(tmp_path)
    for number in range(EPOCHS + 1):
        write_atomic(tmp_path / "cells" / "a" / "checkpoint" / "state.safetensors", b"%d" % number)
        watch._look()
        watch._look()
    assert watch.epochs() == {"a": EPOCHS + 1}
    told = f"cell a: {EPOCHS + 1} epochs of {EPOCHS} were trained, 0 damages"
    assert retrained(watch.epochs(), Counter()) == [told]
    assert retrained(watch.epochs(), Counter({"a": 1})) == []
    assert retrained(Counter({"a": EPOCHS}), Counter()) == []


@pytest.mark.parametrize(
    ("kind", "status", "is_wrong"),
    [
        ("cell", "FINISHED", False),
        ("cell", "KILLED", True),
        ("superseded", "KILLED", False),
        ("superseded", "FINISHED", False),
        ("superseded", "RUNNING", True),
    ],
)
def test_a_run_has_to_have_ended_one_that_was_put_aside_too(kind, status, is_wrong):
    info = RunInfo("1", "0", "me", status, 0, None, "active", run_name="mdin")
    run = Run(info, RunData(tags=[RunTag("hcfres.kind", kind)]))
    assert not_ended([run]) == [f"run 1 ({kind}, 'mdin') is {status}"] * is_wrong


def test_a_refused_write_is_read_from_what_the_grid_says(tmp_path):
    full = writing_failed(tmp_path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert refused_in(f"mdin, seed 7: failed, StoreError: {full}")
    assert refused_in(f"mdin, seed 7: failed, {OSError(errno.EFBIG, os.strerror(errno.EFBIG))!r}")
    assert not refused_in("mdin, seed 7: epoch 3 of 6")


def test_what_is_left_half_written_is_told(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / ".x.partial").touch()
    assert partials(tmp_path) == ["left over: cells/.x.partial"]


def test_outcomes_are_compared_down_to_a_number(tmp_path):
    one = replace(read_outcome(tmp_path), metrics={"a": {"val/all/miou": 0.5}})
    other = replace(one, metrics={"a": {"val/all/miou": 0.25}})
    assert one.differences(one) == []
    assert one.differences(other) == ["cell a: val/all/miou differs"]


GOOD = Outcome(
    {"table2.md": "hash"},
    {
        "a": {"val/all/miou": 0.5, "val/all/nothing": 0.5, "yardstick/all/miou": 0.1},
        "b": {"val/all/miou": 0.4, "val/all/nothing": 0.5, "yardstick/all/miou": 0.2},
    },
    {},
    {},
)


def test_an_undisturbed_grid_whose_cells_differ_is_served():
    assert telling(GOOD) is GOOD


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tables": {}}, "there are no tables"),
        (
            {"metrics": GOOD.metrics | {"b": {"val/all/miou": 0.1, "val/all/nothing": 1.0}}},
            "cell b answers all with nothing",
        ),
        (
            {"metrics": GOOD.metrics | {"b": GOOD.metrics["a"] | {"yardstick/all/miou": 0.2}}},
            "cells a and b have the same scores",
        ),
    ],
)
def test_an_undisturbed_grid_that_tells_too_little_is_refused(change, told):
    with pytest.raises(RuntimeError, match=f"tells too little: {told}. Change .*faults.toml"):
        telling(replace(GOOD, **change))


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
