"""A disk that fills up while a grid is training: one clear error, and the grid goes on later."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from flows.errors import explained

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "flows.cli", "reproduce", "table3_ablation"]
GRID = [*COMMAND, "--setting", "smoke", "--only", "vsd+mlf"]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 400 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_what_a_server_says_of_a_full_disk_is_told_as_one(small_disk, monkeypatch, capsys):
    monkeypatch.setenv("HCFRES_HOME", str(small_disk))

    def fail():
        with explained(Console()):
            raise RuntimeError("500 Internal Server Error")

    with pytest.raises(RuntimeError, match="500"):
        fail()
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1_000_000))
    with pytest.raises(SystemExit, match="2"):
        fail()
    told = " ".join(capsys.readouterr().out.split())
    assert "the disk is full (500 Internal Server Error); free some space" in told


@pytest.mark.slow
def test_a_disk_that_fills_up_in_training_is_one_clear_error_and_nothing_is_lost(small_disk):
    home = small_disk / "workspace"
    filler = threading.Thread(target=fill_when_training, args=(small_disk, home))
    filler.start()
    stopped = run(home)
    filler.join()
    assert stopped.returncode == 2, stopped.stdout + stopped.stderr
    assert "the disk is full" in stopped.stdout
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert not list(home.glob("cells/*/DONE.json"))
    (small_disk / "filler").unlink()
    again = run(home)
    assert again.returncode == 0, again.stdout + again.stderr
    undisturbed = small_disk / "other"
    assert run(undisturbed).returncode == 0
    assert numbers(home) == numbers(undisturbed)


def run(home: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return subprocess.run(
        GRID,
        env={**kept, "HCFRES_HOME": str(home), "HCFRES_WORKERS": "1"},
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )


def fill_when_training(disk: Path, home: Path) -> None:
    """Leave no byte free from the first checkpoint on."""
    while not list(home.glob("cells/*/checkpoint/*.safetensors")):
        time.sleep(0.02)
    with (disk / "filler").open("wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(block))
            except OSError:
                continue


def numbers(home: Path) -> dict[str, float]:
    (results,) = home.glob("cells/*/results.json")
    metrics = json.loads(results.read_text())["metrics"]
    return {name: value for name, value in metrics.items() if name.startswith("val/")}
