"""Searches whose launchers are killed, and searches of several launchers."""

import random
import subprocess
import sys
import time

import pytest

from flows.search.storage import known_trials
from flows.search.trials import ended
from tests.flows.searches import cells_in, worth

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def launched(folder, wanted, storage="", seconds=0.0):
    """Start a launcher; its lines are the keys of the cells that it begins."""
    arguments = [str(folder), storage, str(wanted), str(seconds)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.launcher_for_tests", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_a_launcher_killed_at_any_moment_loses_no_trial_and_doubles_none(tmp_path):
    """Five launchers die at random moments of three trials' length; the sixth may finish."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cells = cells_in(cut)
    assert launched(whole, 7).wait(60) == 0
    rng = random.Random(0)
    begun: list[str] = []
    for _ in range(5):
        process = launched(cut, 7, seconds=0.2)
        begun += [process.stdout.readline().strip()]
        time.sleep(rng.uniform(0.0, 0.6))
        process.kill()
        begun += [line.strip() for line in process.stdout]
        process.wait()
    last = launched(cut, 7)
    begun += [line.strip() for line in last.stdout]
    assert last.wait(60) == 0
    uncut, trials = known_trials(cells_in(whole), None), known_trials(cells, None)
    assert [t.key for t in ended(trials)] == [t.key for t in ended(uncut)]
    assert len(ended(trials)) == 7
    assert {t.state for t in trials} <= {"done", "failed"}
    assert {key for key in begun if key} == {t.key for t in ended(trials)}
    for trial in ended(trials):
        assert trial.miou == worth(cells.planned(trial.values, "again"))


@pytest.mark.slow
def test_the_trial_of_a_launcher_that_died_goes_to_another(tmp_path, postgres):
    """Trials show a sign of life each second; three without one are a launcher's death."""
    url = postgres.create("trials")
    cells = cells_in(tmp_path)
    assert launched(tmp_path, 1, url).wait(60) == 0
    dying = launched(tmp_path, 6, url, seconds=60.0)
    lost = dying.stdout.readline().strip()
    other = launched(tmp_path, 6, url, seconds=1.0)
    first = other.stdout.readline().strip()
    assert first not in ("", lost)
    dying.kill()
    dying.wait()
    begun = [first, *(line.strip() for line in other.stdout)]
    assert other.wait(60) == 0
    if lost not in begun:  # the other was done before the death was noticed
        time.sleep(4.0)
        third = launched(tmp_path, 6, url)
        begun += [line.strip() for line in third.stdout]
    trials = known_trials(cells, url)
    assert lost in begun
    base, *others = [trial.key for trial in ended(trials)]
    assert base not in begun
    assert sorted(begun) == sorted(others)
    assert len(others) == 5
    states = [trial.state for trial in trials if trial.key == lost and trial.repeats is None]
    assert states == ["failed", "done"]
