"""The label table and the names of classes."""

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.labels import (
    BENCHMARK,
    COLUMNS,
    NYU40,
    label_colours,
    read_labels,
    write_labels,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.tsv"


def test_the_benchmark_has_its_twenty_classes_and_forty_names_are_there():
    names = [NYU40[i] for i in BENCHMARK]
    assert len(BENCHMARK) == 20
    assert len(NYU40) == 41
    assert names[:5] == ["wall", "floor", "cabinet", "bed", "chair"]
    assert names[-4:] == ["toilet", "sink", "bathtub", "otherfurniture"]
    assert NYU40[28] == "shower curtain"


def test_every_class_has_a_colour_of_its_own():
    colours = label_colours(np.arange(41))
    assert len({tuple(colour) for colour in colours}) == 41
    assert colours[0].tolist() == [0, 0, 0]


def test_what_is_written_is_read_and_has_seventeen_columns(path, make):
    write_labels(path, make.labels())
    assert read_labels(path) == make.labels()
    lines = path.read_text().split("\n")
    assert lines[0].split("\t") == list(COLUMNS)
    assert all(len(line.split("\t")) == 17 for line in lines[:-1])


def test_underscores_count_as_spaces_and_strangers_are_unlabelled(make):
    table = make.labels()
    assert table.nyu40("trash can") == table.nyu40("trash_can") == 39
    assert table.nyu40("harpsichord") == 0


def test_walls_and_strangers_count_as_other_furniture_among_instances(make):
    table = make.labels()
    assert table.benchmark_class("chair") == 5
    assert {table.benchmark_class(n) for n in ("wall", "floor", "trash_can", "x")} == {39}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_rows_whose_trailing_tabs_were_stripped_are_read(path, make, ends):
    write_labels(path, make.labels())
    lines = [line.rstrip("\t") for line in path.read_text().split("\n")]
    path.write_bytes(ends.join(lines).encode())
    assert read_labels(path) == make.labels()


def test_all_wrong_rows_are_named_at_once(path):
    rows = [
        "id\traw_category\tcategory\tnyu40id",
        "1\tchair\tchair\t5",
        "x\ta\ta\t5",
        "2\tb\tb\t41",
    ]
    path.write_text("\n".join([*rows, "3\tchair\tchair\t5"]))
    with pytest.raises(DataError) as error:
        read_labels(path)
    for part in (
        "3 problems",
        "line 3: id 'x'",
        "line 4: id '2', 'b', nyu40id '41'",
        "'chair' comes 2",
    ):
        assert part in str(error.value)


def test_a_missing_column_is_named(path):
    path.write_text("id\tcategory\n1\tchair\n")
    with pytest.raises(DataError, match=r"the columns \['raw_category', 'nyu40id'\] are missing"):
        read_labels(path)


def test_scannets_own_table_is_read(samples):
    table = read_labels(samples / "scannet_meta" / "scannetv2-labels.combined.tsv")
    assert len(table.rows) == 607
    assert {row.nyu40 for row in table.rows} <= set(range(1, 41))
    assert max(row.identifier for row in table.rows) == 1357
    assert sum(row.raw_category != row.category for row in table.rows) == 65
    assert table.nyu40("books") == 23
    assert table.nyu40("refrigerator") == 24
    assert table.nyu40("trash_can") == 39
