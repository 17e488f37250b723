"""Reading files nobody vouches for, and the error that says what is wrong with them."""

import pickle

import pytest

from hcfres.data import files
from hcfres.data.errors import DataError, too_many
from hcfres.store.errors import StoreError


def test_the_message_says_where_what_and_the_way_out():
    error = DataError("scan.ply", "it is broken", "Fetch it again", "vertex 3")
    assert str(error) == "scan.ply, vertex 3: it is broken. Fetch it again"
    assert str(DataError("all in one")) == "all in one"


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(DataError("a", "b", "c", "d")))
    assert str(error) == "a, d: b. c"
    assert (error.source, error.place, error.reason, error.way_out) == ("a", "d", "b", "c")


def test_many_problems_are_counted_and_the_first_are_shown():
    assert too_many(["x", "y", "z"], shown=2) == "3 problems:\n  - x\n  - y\n  ... and 1 more\n"


def test_findings_that_were_not_kept_are_counted_too():
    assert too_many(["x"], more=5) == "6 problems:\n  - x\n  ... and 5 more\n"


def test_whatever_is_quoted_the_message_is_short_and_printable():
    error = DataError("a.ply", "found \x1b[2J\x00\ud800é" + "x" * 100_000, "Export it again")
    assert len(str(error)) < 5000
    assert str(error).isprintable()
    assert str(error).startswith("a.ply: found \\x1b[2J\\x00\\ud800é")
    assert str(error).endswith("Export it again")


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    """Names come out of lists of images that somebody else wrote."""
    with pytest.raises(DataError, match="this is no file's name"):
        files.read_bytes(tmp_path / "a\0b")


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(self, content):
        self.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(files.Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="this is not a file"):
        files.read_bytes(tmp_path)
    with pytest.raises(DataError, match=r"there is no such file\. Make it"):
        files.read_bytes(tmp_path / "absent", "Make it")


def test_a_file_larger_than_allowed_is_refused_unread(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(DataError, match="11 bytes are more than the 10 that are read"):
        files.read_bytes(tmp_path / "a", largest=10)


def test_text_has_one_kind_of_line_end_and_no_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert files.read_text(tmp_path / "a") == "a\nb\n"
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match="byte 2: this is not UTF-8 text"):
        files.read_text(tmp_path / "a")


def test_writing_leaves_the_whole_file_and_nothing_else(tmp_path):
    files.write_bytes(tmp_path / "new" / "a", b"1")
    files.write_bytes(tmp_path / "new" / "a", b"2")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]
    assert (tmp_path / "new" / "a").read_bytes() == b"2"


def test_a_disk_that_refuses_is_one_clear_error_and_the_old_file_stays(tmp_path, monkeypatch):
    files.write_bytes(tmp_path / "a", b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(StoreError, match="the disk is full"):
        files.write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
