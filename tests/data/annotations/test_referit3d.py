"""Nr3D's and Sr3D's tables: read, or listed, or refused."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.annotations.referit3d import Stimulus, parse_stimulus, read_referit3d
from hcfres.data.errors import DataError

NR3D = {
    "assignmentid": "31",
    "stimulus_id": "scene0000_00-trash_can-3-5-2-11",
    "utterance": ' The can, left of the "big" desk\n',
    "correct_guess": "True",
    "speaker_id": "1",
    "listener_id": "2",
    "scan_id": "scene0000_00",
    "instance_type": "trash can",
    "target_id": "5",
    "tokens": "['the', __import__('os').abort()]",
    "dataset": "nr3d",
    "mentions_target_class": "True",
    "uses_object_lang": "False",
    "uses_spatial_lang": "True",
    "uses_color_lang": "False",
    "uses_shape_lang": "True",
}
SR3D = {
    "scan_id": "scene0000_00",
    "target_id": "4",
    "distractor_ids": "[]",
    "utterance": "the desk beside the door",
    "stimulus_id": "scene0000_00-desk-1-4",
    "coarse_reference_type": "horizontal",
    "reference_type": "closest",
    "instance_type": "desk",
    "anchors_types": "['door']",
    "anchor_ids": "[8]",
    "mentions_target_class": "True",
    "tokens": "[]",
    "dataset": "sr3d",
}
ROWS = {"nr3d": NR3D, "sr3d": SR3D}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def write(path, rows, end="\r\n"):
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator=end)
    table.writeheader()
    table.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def test_a_stimulus_names_scene_class_target_and_distractors():
    assert parse_stimulus("scene0217_00-desk-4-4-5-35-36") == Stimulus(
        "scene0217_00", "desk", 4, (5, 35, 36)
    )
    assert parse_stimulus("scene0001_00-desk-1-7") == Stimulus("scene0001_00", "desk", 7, ())
    hyphens = Stimulus("scene0001_00", "l-shaped-2-sofa", 7, (8,))
    assert parse_stimulus("scene0001_00-l-shaped-2-sofa-2-7-8-") == hyphens


@pytest.mark.parametrize(
    "text",
    ["", "-", "scene0001_00", "scene0001_00-desk", "scene0001_00-desk-2-7", "a-2-1", "a-b-0",
     "a-b-1-x", "a-b-x-1", "a-b-1--1", "a-b-2-1-99999999999"],
)  # fmt: skip
def test_what_is_no_stimulus_is_none(text):
    assert parse_stimulus(text) is None


def test_a_long_stimulus_takes_no_long_time():
    assert parse_stimulus("a-b" + "-1" * 60_000) == Stimulus("a", "b" + "-1" * 59_998, 1, ())
    assert parse_stimulus("a-b" + "-0" * 60_000) is None


def test_an_nr3d_row_is_read_and_no_cell_is_evaluated(path):
    write(path, [NR3D])
    found = read_referit3d(path, "nr3d")
    assert found.rejected == ()
    assert found.places == ("line 2",)
    (item,) = found.expressions
    assert item.key == "scene0000_00|5|31"
    assert (item.dataset, item.object_name, item.eval_type) == ("nr3d", "trash_can", "st_w_d")
    assert item.description == 'The can, left of the "big" desk'
    assert (item.spatial, item.color, item.texture, item.shape) == (True, False, False, True)


def test_sr3d_rows_are_spatial_and_numbered_by_their_place(path):
    other = SR3D | {"stimulus_id": "scene0000_00-desk-2-4-9"}
    write(path, [SR3D, other | {"target_id": "x"}, other], end="\n")
    found = read_referit3d(path, "sr3d")
    assert [(item.ann_id, item.eval_type) for item in found.expressions] == [
        (0, "st_wo_d"),
        (2, "st_w_d"),
    ]
    assert all(item.spatial for item in found.expressions)
    assert [item.key for item in found.rejected] == ["scene0000_00|x|1"]


WRONG = {
    "scan_id": ("room 1", "scan_id 'room 1' is no scan's name"),
    "target_id": ("-1", "target_id '-1' is no object's number"),
    "stimulus_id": ("scene0000_00-desk", "is not scene-class-objects-target-distractors"),
    "assignmentid": ("9" * 12, "assignmentid '999999999999' is no number"),
    "utterance": (" \n ", "the description is empty"),
    "uses_color_lang": ("maybe", "uses_color_lang is 'maybe', neither True nor False"),
}


@pytest.mark.parametrize("column", WRONG)
def test_a_wrong_cell_is_listed_with_its_line_and_the_other_rows_are_read(path, column):
    value, said = WRONG[column]
    write(path, [NR3D | {column: value}, NR3D | {"assignmentid": "32"}])
    found = read_referit3d(path, "nr3d")
    assert [item.ann_id for item in found.expressions] == [32]
    (item,) = found.rejected
    assert item.place == "line 2"
    assert said in item.reason
    assert found.places == ("line 4",)  # the first sentence holds a line break


def test_a_stimulus_about_another_object_is_listed(path):
    write(path, [NR3D | {"target_id": "2"}])
    (item,) = read_referit3d(path, "nr3d").rejected
    assert item.reason == (
        "stimulus_id asks for object 5 of scene0000_00, scan_id and target_id for another"
    )


def test_repeated_and_torn_rows_are_listed(path):
    write(path, [NR3D | {"utterance": "it"}] * 2)
    path.write_bytes(path.read_bytes() + b"\r\na,b\r\n")
    found = read_referit3d(path, "nr3d")
    assert [str(item) for item in found.rejected] == [
        "line 3 scene0000_00|5|31: the same annotation comes twice, first at line 2",
        "line 5: 2 cells in 16 columns",
    ]


def test_the_lists_divide_the_rows_and_a_row_in_none_is_listed(path):
    def about(scene, **changes):
        return SR3D | {"scan_id": scene, "stimulus_id": f"{scene}-desk-1-4"} | changes

    write(path, [about("scene0001_00"), about("scene0002_00", target_id="x"),
                 about("scene0003_00"), about("room")])  # fmt: skip
    mine, others = {"scene0001_00"}, {"scene0002_00"}
    found = read_referit3d(path, "sr3d", mine, others)
    assert [item.scene_id for item in found.expressions] == ["scene0001_00"]
    assert [str(item)[:40] for item in found.rejected] == [
        "line 4 scene0003_00|4|2: scene scene0003",
        "line 5 room|4|3: scan_id 'room' is no sc",
    ]
    assert found.rejected[0].reason == "scene scene0003_00 is in no split's list"
    assert [item.place for item in read_referit3d(path, "sr3d", mine).rejected] == ["line 5"]
    assert [item.place for item in read_referit3d(path, "sr3d", others).rejected] == [
        "line 3",
        "line 5",
    ]


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: the table lacks the columns ['scan_id', "),
        (b"scan_id,target_id\n", "line 1: the table lacks the columns ['stimulus_id', "),
        (b"\xff\xfe", "byte 0: this is not UTF-8 text"),
        (b'"', "line 1: this is not CSV"),
    ],
)
def test_what_is_no_such_table_is_one_error(path, kind, content, said):
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_referit3d(path, kind, way_out="Get it again")
    assert str(error.value).startswith(f"{path}, {said}")
    assert str(error.value).endswith("Get it again")


def test_the_other_table_and_a_column_that_comes_twice_are_refused(path):
    write(path, [NR3D])
    with pytest.raises(DataError, match="lacks the columns \\['coarse_reference_type'\\] of sr3d"):
        read_referit3d(path, "sr3d")
    path.write_bytes(path.read_bytes().replace(b"speaker_id", b"scan_id"))
    with pytest.raises(DataError, match="has the columns \\['scan_id'\\] twice of nr3d"):
        read_referit3d(path, "nr3d")


def test_quotes_that_never_close_and_endless_cells_are_refused(path):
    write(path, [SR3D])
    whole = path.read_bytes()
    path.write_bytes(whole + b'"' + b"x" * 1000)
    with pytest.raises(DataError, match="line 3: this is not CSV"):
        read_referit3d(path, "sr3d")
    path.write_bytes(whole + b"x" * 200_000)
    with pytest.raises(DataError, match="line 3: this is not CSV"):
        read_referit3d(path, "sr3d")


cells = st.one_of(
    st.text(max_size=12), st.integers().map(str), st.sampled_from(["True", "nan", "[1]", "5.0"])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(ROWS)), st.data())
def test_a_changed_row_is_read_or_listed_and_harms_no_other(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("changed") / "a.csv"
    row = ROWS[kind]
    columns = st.dictionaries(st.sampled_from(sorted(row)), cells, min_size=1, max_size=3)
    changed = row | data.draw(columns)
    write(path, [changed, row | {"assignmentid": "77"} if kind == "nr3d" else row])
    found = read_referit3d(path, kind)
    assert found.total == 2
    assert found.expressions
    assert found.expressions[-1].description == row["utterance"].strip()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(ROWS)), st.data())
def test_a_damaged_table_is_read_or_listed_or_refused(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("damaged") / "a.csv"
    write(path, [ROWS[kind]] * 2)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        found = read_referit3d(path, kind)
    except DataError as error:
        assert str(error).startswith(str(path))
        return
    assert all(item.reason for item in found.rejected)
