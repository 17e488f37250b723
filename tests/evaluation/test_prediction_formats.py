"""What a file of predictions may leave empty, and what may not be changed in it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import read_passports
from hcfres.evaluation.prediction_columns import COLUMNS, UNFILLED
from hcfres.evaluation.recompute import read_predictions
from tests.evaluation.imported.foreign import bring, write_rle
from tests.reporting.drawn import write_predictions


def changed(path, change):
    """The file with its columns, by name, and its metadata changed by `change`."""
    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    about = json.loads(table.schema.metadata[b"hcfres"])
    change(columns, about)
    schema = table.schema.with_metadata({b"hcfres": json.dumps(about).encode()})
    pq.write_table(pa.table(columns, schema=schema), path)
    return path


def test_the_files_metadata_holds_its_passports(tmp_path):
    path = write_predictions(tmp_path / "p.parquet")
    about = json.loads(pq.read_schema(path).metadata[b"hcfres"])
    told = read_passports("file", json.dumps(about["passports"]))
    assert [passport.level for passport in told] == ["point", "box"]
    assert told == read_predictions(path).source.passports


WRONG = {
    "the format before": (
        lambda _, about: about.update(format=1),
        "predictions of format 1, where 3 is read; it has neither boxes nor passports. Evaluate",
    ),
    "a part of the split": (
        lambda columns, _: [column.pop() for column in columns.values()],
        "4 expressions of a split of 5",
    ),
    "an expression answered twice": (
        lambda columns, _: [column.append(column[1]) for column in columns.values()],
        "row 5: answers the expression of row 1 again",
    ),
    "rows of another split": (
        lambda columns, _: columns["dataset_hash"].__setitem__(2, "other"),
        "row 2: `dataset_hash` is not the file's, hash",
    ),
    "a zero-target row with targets": (
        lambda columns, _: columns["eval_type"].__setitem__(0, "zt_w_d"),
        "row 0: an eval_type that object_ids contradict",
    ),
    "targets of nobody": (
        lambda columns, _: (
            columns["object_ids"].__setitem__(0, []),
            columns["target_boxes"].__setitem__(0, []),
            columns["eval_type"].__setitem__(0, "zt_w_d"),
        ),
        "row 0: a zero-target expression with target vertices",
    ),
    "a passport of another split": (
        lambda _, about: about["passports"][0].update(split="train"),
        "the passports are not those of what is told beside them",
    ),
    "no passports": (lambda _, about: about.pop("passports"), "no passports"),
    "an unknown content": (lambda _, about: about.update(holds="meshes"), "holds: Input should be"),
    "a claim to hold masks only": (
        lambda _, about: about.update(holds="union", passports=about["passports"][:1]),
        "`instances` has a value, which files of union do not know",
    ),
    "fewer target boxes": (
        lambda columns, _: columns["target_boxes"][1].pop(),
        "row 1: target_boxes are not one for each of object_ids",
    ),
    "a target box of five numbers": (
        lambda columns, _: columns["target_boxes"][1][0].pop(),
        "row 1: target_boxes holds no box",
    ),
    "a box inside out": (
        lambda columns, _: columns["instances"][0][0]["box"].reverse(),
        "row 0: the box of an instance is none",
    ),
    "a box at infinity": (
        lambda columns, _: columns["target_boxes"][0][0].__setitem__(5, float("inf")),
        "row 0: target_boxes holds no box",
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_changed_file_is_refused(tmp_path, change, message):
    path = changed(write_predictions(tmp_path / "p.parquet", seed=1), change)
    with pytest.raises(DataError) as error:
        read_predictions(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value).replace(", row", "; row")


def test_a_file_of_masks_must_say_nothing_of_queries(tmp_path):
    target = tmp_path / "p.parquet"
    bring(write_rle(tmp_path / "masks"), "mdin-rle", target)
    assert read_predictions(target).source.holds == "union"
    changed(target, lambda columns, _: columns["indicators"].__setitem__(2, [0.5]))
    with pytest.raises(DataError, match=r"row 2: `indicators` has a value, which files of union"):
        read_predictions(target)


def test_every_column_that_may_be_empty_is_a_column():
    assert all(name in COLUMNS for names in UNFILLED.values() for name in names)
