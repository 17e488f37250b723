"""Where ScanRefer's describers stood."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.annotations.cameras import read_cameras
from hcfres.data.errors import DataError
from hcfres.data.expression import Viewpoint

ENTRY = {
    "scene_id": "scene0000_00",
    "object_id": "39",
    "object_name": "door",
    "ann_id": "0",
    "id": "scene0000_00-39_0",
    "camera": {"position": [1, 2.5, 3], "rotation": [0, 0, 0], "lookat": [4.0, 5.0, 6.0]},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scene0000_00.anns.json"


def test_viewpoints_are_found_by_the_key_of_their_sentence(path, make):
    path.write_text(json.dumps([ENTRY]))
    sentence = make.expression(dataset="scanrefer", object_ids=(39,))
    found = read_cameras(path)
    assert found.viewpoints == {sentence.key: Viewpoint((1.0, 2.5, 3.0), (4.0, 5.0, 6.0))}
    assert found.rejected == ()


def test_wrong_and_repeated_entries_are_listed(path):
    lame = ENTRY | {"ann_id": 1, "camera": {"position": [1, 2], "lookat": [1, 2, "nan"]}}
    path.write_text(json.dumps([ENTRY, ENTRY, lame, 3]))
    found = read_cameras(path)
    assert len(found.viewpoints) == 1
    told = [str(item) for item in found.rejected]
    assert told[0] == "[1] scene0000_00|39|0: the same annotation comes twice"
    assert told[1].startswith("[2] scene0000_00|39|1: camera.position[2]: Field required")
    assert told[2] == "[3]: an object is expected, found 3"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(ENTRY)),
    st.none() | st.integers() | st.text(max_size=5) | st.lists(st.floats(), max_size=3),
)
def test_a_changed_entry_is_read_or_listed(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("changed") / "a.json"
    path.write_text(json.dumps([ENTRY | {key: value}, ENTRY | {"ann_id": 5}]))
    try:
        found = read_cameras(path)
    except DataError:
        assert "\\ud" in path.read_text()
        return
    assert len(found.viewpoints) + len(found.rejected) == 2
    assert "scene0000_00|39|5" in found.viewpoints
