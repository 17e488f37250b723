"""A recording's files, in a folder or in an archive that nobody vouches for."""

import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.captures import members
from hcfres.data.captures.members import Members
from hcfres.data.errors import DataError
from tests.data.captures import room


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "folder"
    room.put(folder / "metadata", "{}")
    room.put(folder / "rgbd" / "0.jpg", b"one")
    return room.zipped(folder, tmp_path / "a.r3d")


def test_folder_and_archive_hold_the_same(archive):
    folder, packed = Members(archive.parent / "folder"), Members(archive)
    assert set(packed.names()) <= set(folder.names())
    for name in packed.names():
        assert packed.read(name) == folder.read(name)


def test_nothing_is_read_beyond_the_limit_whatever_the_archive_says(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "LARGEST", 1000)
    path = tmp_path / "bomb.r3d"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("metadata", bytes(100_000))
    with pytest.raises(DataError, match="100000 bytes are more than the 1000"):
        Members(path).read("metadata")
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken|more than"):
        Members(path).read("metadata")


def test_names_that_lead_elsewhere_are_never_paths(tmp_path):
    """Members are read into memory by name; nothing is unpacked."""
    path = tmp_path / "a.r3d"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../evil", b"x")
    assert Members(path).read("../../evil") == b"x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.r3d"]


def test_what_is_no_archive_or_not_there_is_refused(tmp_path, archive):
    (tmp_path / "b.r3d").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match=r"b\.r3d: this is no zip archive"):
        Members(tmp_path / "b.r3d").names()
    with pytest.raises(DataError, match=r"a\.r3d, rgbd/7\.jpg: there is no such member"):
        Members(archive).read("rgbd/7.jpg")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 10_000), change=st.integers(1, 255), cut=st.booleans())
def test_a_changed_archive_is_read_or_refused(archive, place, change, cut):
    content = bytearray(archive.read_bytes())
    place %= len(content)
    content[place] ^= change
    path = archive.with_name("changed.r3d")
    path.write_bytes(bytes(content[:place] if cut else content))
    try:
        packed = Members(path)
        for name in packed.names():
            packed.read(name)
    except DataError as error:
        assert str(error).startswith(str(path))
