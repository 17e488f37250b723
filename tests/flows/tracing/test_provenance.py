"""Which code, packages and machine made a result."""

import subprocess
import sys

import pytest

from flows.tracing import provenance as looked_at
from flows.tracing.hardware import hardware
from flows.tracing.provenance import provenance, short


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own, at which the program looks instead of its own."""
    monkeypatch.setattr(looked_at, "ROOT", tmp_path)
    (tmp_path / "hcfres").mkdir()
    (tmp_path / "hcfres" / "old.py").write_text("a = 1\n")
    for command in (
        ["init", "-q"],
        ["config", "user.email", "a@example.org"],
        ["config", "user.name", "a"],
        ["add", "-A"],
        ["commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def seen():
    return provenance.__wrapped__()


def test_a_clean_checkout_is_its_commit(checkout):
    found = seen()
    assert len(found.commit) == 40
    assert found.diff == ""
    assert found.tags()["hcfres.uncommitted"] == "nothing"


def test_changed_code_and_code_that_is_not_tracked_yet_are_both_in_the_diff(checkout):
    (checkout / "hcfres" / "old.py").write_text("a = 2\n")
    (checkout / "hcfres" / "new variant.py").write_text("b = 3\n")
    (checkout / "hcfres" / "data.bin").write_bytes(b"\0" * 10)
    (checkout / "notes.txt").write_text("mine\n")
    diff = seen().diff
    assert "-a = 1\n+a = 2\n" in diff
    assert "+++ b/hcfres/new variant.py" in diff and "+b = 3" in diff
    assert "data.bin" not in diff and "notes.txt" not in diff


def test_the_diff_is_the_same_whatever_a_person_told_git(checkout):
    (checkout / "hcfres" / "old.py").write_text("a = 2\n")
    plain = seen().diff
    for name, value in (
        ("color.ui", "always"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
    ):
        subprocess.run(["git", "-C", str(checkout), "config", name, value], check=True)
    assert seen().diff == plain
    assert plain.startswith("diff --git a/hcfres/old.py b/hcfres/old.py")


def test_outside_of_a_checkout_nothing_is_made_up(tmp_path, monkeypatch):
    monkeypatch.setattr(looked_at, "ROOT", tmp_path)
    found = seen()
    assert (found.commit, found.diff) == ("", "")
    assert found.tags()["hcfres.commit"] == "not a git checkout"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://me:secret@host/db", "postgresql://host/db"),
        (
            "postgresql+psycopg2://h:5432/db?user=u&password=secret",
            "postgresql+psycopg2://h:5432/db",
        ),
        ("--storage=postgresql://me:se@cret@h/db#secret", "--storage=postgresql://h/db"),
        ("postgresql://me:secret/@h/db", "'no address'"),
        ("postgresql://me:secret@", "'no address'"),
        ("two http://u:secret@a/x http://b/y?secret", "'two http://a/x http://b/y'"),
    ],
)
def test_the_command_is_kept_without_passwords(monkeypatch, given, kept):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/hcfres", "tune", "x y", given])
    assert seen().command == f"hcfres tune 'x y' {kept}"


def test_packages_are_one_a_line_with_python_first():
    lines = seen().packages.splitlines()
    assert lines[0].startswith("python==3.")
    assert lines[1:] == sorted(lines[1:], key=str.lower)
    assert any(line.lower().startswith("torch==") for line in lines)
    assert short("") == "" and len(short("x")) == 12


def test_the_machine_says_what_it_has():
    found = hardware()
    assert found.cores >= 1
    assert found.memory_gb > 0
    assert f"{found.cores} cores" in str(found)
    assert "GB" in str(found) and ", ," not in str(found)
