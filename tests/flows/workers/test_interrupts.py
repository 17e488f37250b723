"""Ctrl-C and SIGTERM: the prompt is back within five seconds, nothing stays behind, all goes on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from mlflow.tracking import MlflowClient

from flows.workers.interrupts import PATIENCE_S
from tests.flows.printed import wait_for

ROOT = Path(__file__).resolve().parents[3]
SMOKE = ["flows.cli", "reproduce", "table3_ablation", "--setting", "smoke"]
MOST_S = 5.0
SLOW = json.dumps({f"train {row}": "slow" for row in ("baseline", "mlf", "vsd", "vsd+mlf")})


def start(workspace: Path, *module: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    own = {"HCFRES_HOME": str(workspace), "HCFRES_WORKERS": "2", "HCFRES_DEVICE": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", *module],
        env={**kept, **own, "STAND_INS": SLOW},
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def interrupt(process: subprocess.Popen[str], number: int) -> tuple[float, str]:
    """Send a signal as a terminal or a scheduler does: seconds until the end, and what was said."""
    started = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert not [one for one in started if lives(one)]
    return seconds, told


def lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def statuses(workspace: Path) -> set[str]:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    runs = client.search_runs(
        [client.get_experiment_by_name("hcfres").experiment_id], "tags.`hcfres.kind` = 'cell'"
    )
    return {run.info.status for run in runs}


@pytest.mark.slow
def test_ctrl_c_during_training_ends_everything_and_nothing_has_failed(tmp_path):
    process = start(tmp_path, "tests.flows.stand_ins")
    wait_for(process, "training, epoch")
    seconds, told = interrupt(process, signal.SIGINT)
    assert process.returncode == 130
    assert seconds < MOST_S
    assert told.endswith("stopped; run the same command again to go on where it was\n")
    assert "failed" not in told
    assert not list(tmp_path.glob("cells/*/FAILED.json"))
    assert "FAILED" not in statuses(tmp_path)


HANGS = """
import signal, sys, time
from flows.workers.interrupts import interruptible
with interruptible():
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        time.sleep(60)
"""


def test_what_does_not_end_in_order_is_ended_when_time_is_up():
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS], text=True, stdout=subprocess.PIPE, start_new_session=True
    )
    wait_for(process, "ready")
    seconds, told = interrupt(process, signal.SIGTERM)
    assert (process.returncode, told.splitlines()[0]) == (130, "interrupted")
    assert seconds < MOST_S


def test_a_second_ctrl_c_ends_it_at_once():
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS], text=True, stdout=subprocess.PIPE, start_new_session=True
    )
    wait_for(process, "ready")
    process.send_signal(signal.SIGINT)
    wait_for(process, "interrupted")
    seconds, _ = interrupt(process, signal.SIGINT)
    assert process.returncode == 130
    assert seconds < 3.0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_grid_interrupted_at_any_moment_is_finished_by_asking_again(tmp_path, number):
    moments = (
        "cells to run",
        "rooms: 2/2",
        "tokens: 2/2",
        "sentences: 2/2",
        "baseline, seed 1999: done",
    )
    for text in moments:
        process = start(tmp_path, *SMOKE)
        told = wait_for(process, text)
        time.sleep(1.5)
        seconds, _ = interrupt(process, number)
        assert process.returncode == 130, told
        assert seconds < MOST_S, text
    process = start(tmp_path, *SMOKE)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert statuses(tmp_path) == {"FINISHED"}
    assert len(list(tmp_path.glob("cells/*/DONE.json"))) == 4


CAUGHT = """
import signal, time
from flows.workers.interrupts import interruptible

with interruptible():
    signal.signal(signal.SIGTERM, lambda *_: None)  # as Prefect does inside a flow
    print("ready", flush=True)
    while True:
        time.sleep(60)
"""


def test_time_runs_from_the_first_signal_on_also_where_somebody_else_handles_it():
    process = subprocess.Popen(
        [sys.executable, "-c", CAUGHT], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    wait_for(process, "ready")
    seconds, told = interrupt(process, signal.SIGTERM)
    assert PATIENCE_S - 0.5 < seconds < MOST_S
    assert process.returncode == 130
    assert "stopped; run the same command again" in told
