"""Archives: what leaves its folder, fills the disk or is no file is refused before anything is."""

import io
import os
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.acquisition import archives
from hcfres.data.acquisition.archives import Limits, archive_members, extract_members
from hcfres.data.errors import DataError

SENTENCES = b'[{"scene_id": "scene0000_00"}]'


@pytest.fixture
def packed(tmp_path):
    """Write an archive of names and contents; a ZipInfo serves where a name does not."""

    def write(*members, compression=zipfile.ZIP_DEFLATED):
        path = tmp_path / "given.zip"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as zipped:
            warnings.simplefilter("ignore")
            for name, content in members:
                zipped.writestr(name, content)
        return path

    return write


def info(name, kind=stat.S_IFREG):
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = (kind | 0o644) << 16
    return made


def everything_under(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_members_that_are_asked_for_come_out_whole(packed, tmp_path):
    archive = packed(("release/train.json", SENTENCES), ("release/", b""), ("LICENSE", b"terms"))
    assert archive_members(archive) == {"release/train.json": len(SENTENCES), "LICENSE": 5}
    out = tmp_path / "out"
    (path,) = extract_members(archive, out, ["release/train.json"])
    assert path == out / "release" / "train.json"
    assert path.read_bytes() == SENTENCES
    assert everything_under(out) == ["release/train.json"]


ESCAPES = {
    "up": ("../evil", "leads out of its folder"),
    "up inside": ("a/../../evil", "leads out of its folder"),
    "absolute": ("/tmp/evil", "is absolute"),
    "a drive": ("C:/evil", "is absolute"),
    "backslashes": ("..\\evil", "is no file's name"),
    "a control letter": ("a\x1bb", "is no file's name"),
    "link": (info("link", stat.S_IFLNK), "is a link or a device"),
    "device": (info("device", stat.S_IFBLK), "is a link or a device"),
    "pipe": (info("pipe", stat.S_IFIFO), "is a link or a device"),
}


@pytest.mark.parametrize(("name", "said"), ESCAPES.values(), ids=ESCAPES)
def test_a_suspicious_member_condemns_the_archive(packed, tmp_path, name, said):
    archive = packed(("good.json", SENTENCES), (name, b"/etc/passwd"))
    out = tmp_path / "out"
    before = everything_under(tmp_path)
    with pytest.raises(DataError) as error:
        extract_members(archive, out, ["good.json"])
    assert str(error.value).startswith(f"{archive}: 1 problem")
    assert said in str(error.value)
    assert everything_under(tmp_path) == before


def test_two_members_of_one_name_are_refused(packed):
    with pytest.raises(DataError, match=r"'a\.json' comes twice"):
        archive_members(packed(("a.json", b"1"), ("A.json", b"2")))


def test_too_many_members_are_refused(packed):
    archive = packed(*((f"{n}", b"") for n in range(11)))
    with pytest.raises(DataError, match="11 members; at most 10 are read"):
        archive_members(archive, Limits(members=10))


def test_a_long_directory_is_refused_before_it_is_read(packed, monkeypatch):
    archive = packed(*(("n" * 900 + f"{n}", b"") for n in range(30)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DataError, match="a directory of 2"):
        archive_members(archive, Limits(members=10))


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(packed):
    bomb = packed(("zeros", bytes(8 << 20)))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(DataError, match="unpacks to far more than it is"):
        archive_members(bomb)
    with pytest.raises(DataError, match="8388608 bytes in all; at most 1000000 are unpacked"):
        archive_members(bomb, Limits(size=1_000_000, ratio=10_000))


def test_a_bomb_that_lies_about_its_size_writes_no_more_than_it_says(packed, tmp_path):
    archive = packed(("zeros", bytes(3 << 20)))
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<L", 3 << 20), struct.pack("<L", 1000)))
    with pytest.raises(DataError, match="member zeros"):
        extract_members(archive, tmp_path / "out", ["zeros"])
    assert everything_under(tmp_path / "out") == []


def test_a_damaged_member_leaves_nothing_not_even_its_neighbours(packed, tmp_path):
    archive = packed(("a", b"first" * 100), ("b", b"second" * 100), compression=zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[content.index(b"secondsecond")] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="member b: broken: Bad CRC-32"):
        extract_members(archive, tmp_path / "out", ["a", "b"])
    assert everything_under(tmp_path / "out") == []


def test_a_link_in_the_folder_leads_nowhere_else(packed, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "sub").symlink_to(elsewhere)
    (out / "file").symlink_to(elsewhere / "new")
    archive = packed(("sub/evil", b"x"), ("file", b"x"))
    for member in ("sub/evil", "file"):
        with pytest.raises(DataError, match="leads elsewhere"):
            extract_members(archive, out, [member])
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packings_are_refused(packed, kind):
    with pytest.raises(DataError, match="packed in a way that is not read"):
        archive_members(packed(("a", b"x" * 100), compression=kind))


def test_encrypted_members_are_refused(packed):
    archive = packed(("a", b"x"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        archive_members(archive)


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_archive_is_said_so(tmp_path, content):
    path = tmp_path / "given.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="this is not a zip archive"):
        archive_members(path)
    with pytest.raises(DataError, match="there is no such file"):
        archive_members(tmp_path / "none.zip")


def test_a_large_archives_record_is_understood(packed, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    archive = packed(*((f"{n}", b"x") for n in range(5)))
    assert b"PK\x06\x06" in archive.read_bytes()
    assert len(archive_members(archive)) == 5
    with pytest.raises(DataError, match="5 members; at most 2"):
        archive_members(archive, Limits(members=2))


def test_a_member_that_is_not_there_is_named(packed, tmp_path):
    with pytest.raises(DataError, match=r"the archive has no b\.json"):
        extract_members(packed(("a.json", b"")), tmp_path / "out", ["b.json"])


def test_too_small_a_disk_is_known_before(packed, tmp_path, monkeypatch):
    def refuse(folder, size, what):
        raise DataError(folder, f"{size} bytes of {what}")

    monkeypatch.setattr(archives, "require_room", refuse)
    with pytest.raises(DataError, match="30 bytes"):
        extract_members(packed(("a", SENTENCES)), tmp_path / "out", ["a"])
    assert not (tmp_path / "out").exists()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_damage_is_one_error_or_none_and_never_leaves_the_folder(tmp_path, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("sub/a.json", SENTENCES * 20)
        zipped.writestr("b.txt", b"text")
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(len(content) - 30, len(content)))]
    archive = tmp_path / "damaged.zip"
    archive.write_bytes(content)
    out = tmp_path / "out"
    try:
        extract_members(archive, out, list(archive_members(archive)))
    except DataError as error:
        assert str(archive) in str(error)
    assert set(os.listdir(tmp_path)) <= {"damaged.zip", "out"}
    assert not any(path.is_symlink() for path in Path(tmp_path).rglob("*"))
