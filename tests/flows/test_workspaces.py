"""Workspaces that this program did not write, or may not write into."""

import subprocess
import sys

import pytest

from flows import make_home
from flows.cli import main
from hcfres.store.errors import StoreError
from hcfres.store.workspace import FORMAT, FORMAT_FILE, Workspace
from tests.flows.fabricated import finish, small_plan

PLAN = ("reproduce", "table3_ablation", "--setting", "smoke", "--plan")


@pytest.fixture
def told(monkeypatch, capsys):
    """Run the command as a person does; give the exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return ended.value.code, said.out + said.err

    return run


@pytest.fixture
def home(tmp_path, monkeypatch):
    place = tmp_path / "workspace"
    monkeypatch.setenv("HCFRES_HOME", str(place))
    monkeypatch.setenv("PREFECT_HOME", str(place / "prefect"))
    return place


@pytest.mark.parametrize(
    "command",
    [
        PLAN,
        ("reproduce", "table3_ablation", "--setting", "smoke"),
        ("report", "--setting", "smoke"),
        ("evaluate", "abc"),
        ("why", "abc"),
        ("diff", "abc", "abd"),
        ("store", "verify"),
        ("acquire", "smoke"),
        ("ui",),
    ],
    ids=" ".join,
)
def test_a_workspace_of_a_newer_program_is_refused_by_every_command(told, home, command):
    home.mkdir()
    (home / FORMAT_FILE).write_text(f"format = {FORMAT + 1}\n")
    code, text = told(*command)
    assert code == 2
    assert "it was written by a newer one" in text
    assert [path.name for path in home.iterdir()] == [FORMAT_FILE]


def test_a_workspace_of_before_there_were_formats_keeps_its_cells_and_gets_one(told, home):
    plan = small_plan(Workspace(home))
    finish(plan.cells[0], {})
    assert told(*PLAN)[0] == 0
    assert not (home / FORMAT_FILE).exists()
    make_home()
    assert (home / FORMAT_FILE).read_text() == f"format = {FORMAT}\n"
    assert small_plan(Workspace(home)).cells[0].state == "done"


@pytest.mark.parametrize(("name", "sign"), [("what?", "?"), ("100%", "%"), ("a%20b", "%")])
def test_a_workspace_whose_databases_would_lie_elsewhere_is_refused_and_not_made(
    told, tmp_path, monkeypatch, name, sign
):
    place = tmp_path / name / "workspace"
    monkeypatch.setenv("HCFRES_HOME", str(place))
    monkeypatch.setenv("PREFECT_HOME", str(place / "prefect"))
    code, text = told("acquire", "smoke")
    assert code == 2
    assert f"HCFRES_HOME is {place}, and no database can be kept where a folder's name" in text
    assert f"has {sign} in it; name another folder" in " ".join(text.split())
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_such_a_workspace_is_refused_and_other_signs_are_not(home, tmp_path):
    (tmp_path / "what?").mkdir()
    home.symlink_to(tmp_path / "what?")
    with pytest.raises(StoreError, match=r"HCFRES_HOME is .*/what\?, and no database"):
        make_home()
    home.unlink()
    (tmp_path / "a #&'$b").mkdir()
    home.symlink_to(tmp_path / "a #&'$b")
    make_home()
    assert (home / FORMAT_FILE).exists()


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A workspace with a finished cell, on a disk that takes no byte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = mount("-t", "tmpfs", "-o", "size=20m", "tmpfs", place)
    if mounted.returncode:
        pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.strip()}")
    monkeypatch.setenv("HCFRES_HOME", str(place / "workspace"))
    monkeypatch.setenv("PREFECT_HOME", str(place / "workspace" / "prefect"))
    finish(small_plan(Workspace(place / "workspace")).cells[0], {"val/all/miou": 0.5})
    assert mount("-o", "remount,ro", place).returncode == 0
    yield place / "workspace"
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def mount(*arguments):
    command = ["mount", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_read_only_workspace_is_planned_and_not_run(told, read_only):
    code, text = told(*PLAN)
    assert code == 0
    assert "of 4 cells to run" in text
    code, text = told(*PLAN[:-1])
    assert code == 2
    assert (
        f"HCFRES_HOME is {read_only}, where nothing can be written (Read-only file system)" in text
    )
    code, text = told(*PLAN, "--json")
    assert code == 0
