"""The marks of launchers in their workspace."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.workers.ticket import marked
from hcfres.store.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = """
import sys
from pathlib import Path
from flows.workers.ticket import marked
from hcfres.store.workspace import Workspace
with marked(Workspace(Path(sys.argv[1]))) as mark:
    print(mark, flush=True)
    input()
"""


@pytest.fixture
def launcher(tmp_path):
    """Another launcher on the workspace."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_mark_of_a_launcher_stays_until_it_has_ended_even_if_it_is_killed(tmp_path, launcher):
    theirs = Path(launcher.stdout.readline().strip())
    with marked(Workspace(tmp_path)) as ours:
        assert {theirs, ours} == set((tmp_path / "launchers").iterdir())
    launcher.kill()
    launcher.wait()
    assert theirs.read_text() == theirs.name  # nobody was left to take it away
    with marked(Workspace(tmp_path)) as ours:
        assert [ours] == list((tmp_path / "launchers").iterdir())
        assert ours.read_text() == ours.name
    assert not list((tmp_path / "launchers").iterdir())
