"""Work goes on when whoever watched it has gone: a closed pipe, a closed terminal, a full disk."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

_TALKS = """
import sys
from pathlib import Path
from flows.live.progress import ProgressBoard
from flows.live.screen import console_on

board = ProgressBoard(console_on("stdout"))
with board.open():
    for seed in range(3):
        cell = board.cell(str(seed), f"seed {seed}")
        cell.ends("failed", "out of memory")
        board.say("x" * 9000)
    with board.bar("stage", 2) as bar:
        bar.advance()
Path(sys.argv[1]).write_text("worked to its end")
"""


def _talk(ended: Path, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _TALKS, str(ended)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_work_ends_well_when_nobody_can_read_what_it_says(kind: str, tmp_path: Path) -> None:
    near, far = os.pipe() if kind == "pipe" else pty.openpty()
    os.close(near)
    done = _talk(tmp_path / "ended", far)
    os.close(far)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "ended").read_text() == "worked to its end"


def test_what_a_full_disk_refuses_is_lost_and_the_rest_is_written(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from flows.live.screen import console_on\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "console = console_on('stdout')\n"
        "console.print('before')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (7, resource.RLIM_INFINITY))\n"
        "console.print('meanwhile')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "console.print('after')\n"
    )
    log = tmp_path / "log"
    with log.open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True, timeout=60)
    lines = log.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
