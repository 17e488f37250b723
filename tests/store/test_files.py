import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hcfres.store import files
from hcfres.store.errors import StoreError
from hcfres.store.files import file_hash, fresh_hash, leads_down, replacing, write_atomic

LIMITED = """
import resource, signal, sys
from pathlib import Path
from hcfres.store.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
write_atomic(Path(sys.argv[1]), b"x" * 200_000)
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from hcfres.store.files import replacing
with replacing(Path(sys.argv[1])) as write:
    write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_hash_is_sha256_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000_000)
    assert file_hash(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_an_unchanged_old_file_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.utime(path, (1e9, 1e9))
    first = file_hash(path)
    monkeypatch.setattr(files, "fresh_hash", lambda path: pytest.fail(f"{path} was read again"))
    assert file_hash(path) == first


def test_a_file_changed_in_place_has_another_hash_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    seen = set()
    for content in (b"aaa", b"bbb", b"ccc"):
        path.write_bytes(content)
        seen.add(file_hash(path))
    assert len(seen) == 3


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as write:
        write(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "a[1]"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a[1].") and left.name.endswith(".partial")
    write_atomic(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_writes_now_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as write:
        write(b"later")
        write_atomic(path, b"sooner")
        assert path.read_bytes() == b"sooner"
    assert path.read_bytes() == b"later"


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "new" / "a"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"a could not be written: the disk is full .*HCFRES_HOME"):
        write_atomic(path, b"new")
    assert list(path.parent.iterdir()) == []


def test_a_write_that_the_system_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert "StoreError" in run.stderr and "the disk is full" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_fresh_hash_sees_a_change_that_hides_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"aaaa")
    os.utime(path, (1e9, 1e9))
    before = fresh_hash(path)
    path.write_bytes(b"aaab")
    os.utime(path, (1e9, 1e9))
    assert fresh_hash(path) != before


@pytest.mark.parametrize("name", ["value.safetensors", "best/weights", "a b", ".hidden", "..x"])
def test_a_name_from_a_file_may_lead_down(name: str) -> None:
    assert leads_down(name)


@pytest.mark.parametrize("name", ["", ".", "..", "/x", "../x", "a/../../x", "a//x", "a\\x", "a\0"])
def test_a_name_from_a_file_may_not_lead_elsewhere(name: str) -> None:
    assert not leads_down(name)
