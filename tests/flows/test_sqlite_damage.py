"""Which databases are damaged, and which are only locked, unreadable or unusual."""

import sqlite3
from contextlib import closing

import pytest

from flows.sqlite_damage import damage_of, put_aside, tells_damage

PAGE = 4096


@pytest.fixture
def database(tmp_path):
    """A database of some hundred pages, in the mode that Prefect's is in."""
    path = tmp_path / "a folder with a # and a %" / "prefect.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE run (name TEXT, size INTEGER CHECK (size > 0))")
        opened.executemany("INSERT INTO run VALUES (?, 1)", [("x" * 500,)] * 2000)
        opened.commit()
    return path


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: b"\0garbage" * 2000, "file is not a database"),
        (lambda content: content[: len(content) // 2], "database disk image is malformed"),
        (
            lambda content: content[: 90 * PAGE] + b"Z" * PAGE + content[91 * PAGE :],
            "*** in database main *** Page 91: btreeInitPage() returns error code 11",
        ),
    ],
    ids=["another file", "cut", "a page"],
)
def test_damage_is_told_wherever_it_is(database, damage, said):
    database.write_bytes(damage(database.read_bytes()))
    assert damage_of(database) == said


def test_a_whole_database_an_empty_file_and_none_are_not_damaged(database, tmp_path):
    (tmp_path / "empty.db").touch()
    assert damage_of(database) == damage_of(tmp_path / "empty.db") == ""
    assert damage_of(tmp_path / "none.db") == ""
    assert not (tmp_path / "none.db").exists()


def test_a_row_that_breaks_a_rule_is_no_damage(database):
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA ignore_check_constraints = ON")
        opened.execute("INSERT INTO run VALUES ('y', -1)")
        opened.commit()
        opened.execute("PRAGMA ignore_check_constraints = OFF")
        assert opened.execute("PRAGMA quick_check").fetchall() != [("ok",)]
    assert damage_of(database) == ""


def test_a_database_that_another_program_has_locked_is_not_damaged(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with (
            closing(sqlite3.connect(database, timeout=0.0)) as opened,
            pytest.raises(sqlite3.OperationalError, match="locked") as caught,
        ):
            opened.execute("SELECT * FROM run")
        assert not tells_damage(caught.value)
        assert damage_of(database) == ""


def test_what_cannot_be_opened_is_not_damaged(tmp_path):
    assert damage_of(tmp_path) == ""


def test_what_belongs_to_a_database_is_put_aside_with_it(database):
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("INSERT INTO run VALUES ('y', 1)")
        opened.commit()
        aside = put_aside(database)
        there = {path.name for path in database.parent.iterdir()}
    assert aside.name.startswith("prefect.db.damaged-")
    assert there == {aside.name, f"{aside.name}-wal", f"{aside.name}-shm"}
