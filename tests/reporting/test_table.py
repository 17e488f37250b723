from dataclasses import replace

import pytest

from hcfres.reporting.table import Column, Line, Number, Table, difference, ranks, summarise

MIOU = Column("mIoU", ("val/all/miou",))
TIME = Column("ms", ("cost/inference_ms",), 0, higher_is_better=False, scale=1.0)


def line(label, ours, paper):
    return Line(label, None if ours is None else ((Number(ours),),), ((paper,),))


def table(*lines, column=MIOU):
    return Table("t", "Title", "Caption.", "Method", (column,), lines, "rooms")


def test_a_fraction_becomes_per_cent_and_one_seed_has_no_spread():
    number = summarise([0.5351], MIOU)
    assert number.mean == pytest.approx(53.51)
    assert number.spread is None


def test_several_seeds_give_mean_and_standard_deviation():
    number = summarise([0.50, 0.52, 0.54], MIOU)
    assert number.mean == pytest.approx(52.0)
    assert number.spread == pytest.approx(2.0)


def test_without_a_finite_value_there_is_no_number():
    assert summarise([float("nan")], MIOU) is None
    assert summarise([], MIOU) is None


def test_the_difference_is_ours_minus_the_papers():
    assert difference(line("a", 40.0, 53.5), (MIOU,)) == ((pytest.approx(-13.5),),)
    assert difference(line("a", None, 53.5), (MIOU,)) is None
    assert difference(line("a", 40.0, None), (MIOU,)) == ((None,),)
    assert difference(line("a", 40.0, 53.5), (replace(MIOU, comparable=False),)) == ((None,),)


def test_numbers_that_print_alike_share_a_place():
    places = ranks(
        table(line("a", 50.01, 1.0), line("b", 50.04, 2.0), line("c", 49.0, 3.0)), "ours"
    )
    assert places == {(0, 0, 0): 1, (1, 0, 0): 1, (2, 0, 0): 2}


def test_where_less_is_better_the_smallest_is_first():
    lines = (line("a", 535.0, 535.0), line("b", 523.0, 523.0))
    assert ranks(table(*lines, column=TIME), "paper") == {(1, 0, 0): 1, (0, 0, 0): 2}


def test_a_lone_number_is_neither_best_nor_second():
    assert ranks(table(line("a", 50.0, None), line("b", None, 51.0)), "ours") == {}
