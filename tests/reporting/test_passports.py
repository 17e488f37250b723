"""No table mixes numbers that do not compare."""

from dataclasses import replace

import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import Given, Passport
from hcfres.reporting.frame import CellRecord, passports_of, results_frame
from hcfres.reporting.passports import require_comparable, said
from hcfres.reporting.table import Column, Line, Number, Table

POINT = Passport("point", (0.25, 0.5), True, 50, "multi3drefer", "val", "ab" * 32)
BOX = replace(POINT, level="box", strict=False, min_points=0)


def table(*passports):
    lines = tuple(
        Line(f"row {n}", ((Number(1.0),),), ((None,),), "", of) for n, of in enumerate(passports)
    )
    columns = (Column("mIoU", ("val/all/miou",)),)
    return Table("t", "Table 9: mixed", "", "Method", columns, lines, "rooms")


def test_rows_of_one_passport_make_a_table_whatever_they_were_given():
    given = replace(POINT, given=Given(frames=True))
    assert len(table((POINT,), (given,)).lines) == 2
    assert len(table((POINT, BOX), (BOX, POINT)).lines) == 2
    assert len(table((), ()).lines) == 2


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ((BOX,), "level (point / box)"),
        ((POINT, BOX), "level (point / box, point)"),
        ((replace(POINT, split="train"),), "split (val / train)"),
        ((replace(POINT, split_hash="cd"),), f"split_hash ({'ab' * 32} / cd)"),
        ((replace(POINT, thresholds=(0.5,)),), "thresholds ((0.25, 0.5) / (0.5,))"),
        (
            (replace(POINT, min_points=10, dataset="scanrefer"),),
            "min_points (50 / 10), dataset (multi3drefer / scanrefer)",
        ),
    ],
)
def test_rows_that_differ_are_refused_with_the_fields_named(other, fields):
    with pytest.raises(DataError) as error:
        table((POINT,), (POINT,), other)
    told = f"Table 9: mixed: 'row 0' and 'row 2' do not compare: they differ in {fields}."
    assert str(error.value).startswith(told)


def test_numbers_without_a_passport_do_not_stand_beside_those_with_one():
    with pytest.raises(DataError, match="the numbers of 'row 1' have no passport"):
        table((POINT,), ())
    with pytest.raises(DataError, match="the numbers of 'row 0' have no passport"):
        table((), (POINT,))


def test_a_row_that_was_not_run_has_no_passport_to_show():
    lines = (
        Line("ours", ((Number(1.0),),), ((None,),), "", (POINT,)),
        Line("quoted", None, ((2.0,),), "quoted from the paper"),
    )
    made = Table("t", "T", "", "M", (Column("mIoU", ("val/all/miou",)),), lines, "rooms")
    assert made.lines == lines
    require_comparable([], "an empty table")


def test_the_caption_says_what_each_row_was_given():
    frames = replace(POINT, given=Given(True, False, False, False))
    bare = replace(POINT, given=Given(False, False, False, False))
    numbers = "Numbers: point-level IoU above 0.25 and 0.5, fewer than 50 vertices are no answer; "
    assert said([("a", (frames,)), ("b", (frames,))]) == (
        f"{numbers}multi3drefer val abababababab. "
        "Given beside the point cloud and the sentence: frames."
    )
    assert said([("a", (frames,)), ("b", (bare,))]).endswith("a: frames; b: nothing else.")
    assert said([("a", ())]) == ""


def test_passports_survive_the_results_frame():
    records = [
        CellRecord("k1", "m", "s", 0, "c", {"val/all/miou": 0.5}, (POINT, BOX)),
        CellRecord("k2", "m", "s", 1, "c", {"val/all/miou": 0.5}),
    ]
    frame = results_frame(records)
    kept = [passports_of(*pair) for pair in zip(frame["key"], frame["passports"], strict=True)]
    assert kept == [(POINT, BOX), ()]
