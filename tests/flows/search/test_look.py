"""Validation is asked about one winner of a study, whichever way it was asked."""

import pytest

from flows.planning.plan import PlanError
from flows.search.conclusion import conclude
from flows.search.look import COMPARED, read_look, require_first_look
from flows.search.report import COMPARISON, REPORT, write_report
from hcfres.data.errors import DataError
from tests.flows.fabricated import finish
from tests.flows.search.test_winner import more_seeds, tried
from tests.flows.searches import cells_in

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def cells(tmp_path):
    return cells_in(tmp_path)


def won(cells, *mious):
    """Conclude a search whose trials have these scores, with every seed."""
    trials = tried(cells, mious)
    for one in trials:
        more_seeds(cells, one, one.miou)
    return conclude(cells, trials)


def test_validation_is_asked_about_one_winner_only(cells):
    first = won(cells, 0.3, 0.5, 0.4).winner
    require_first_look(cells, first.method)
    require_first_look(cells, first.method)
    assert read_look(cells.folder).winner == first.method.name
    second = won(cells, 0.3, 0.4, 0.5).winner
    told = f"was asked about {first.method.name}, and the winner is now {second.method.name}"
    with pytest.raises(PlanError, match=told):
        require_first_look(cells, second.method)


def test_a_former_winner_that_was_evaluated_by_its_table_was_the_one_look(cells):
    first = won(cells, 0.3, 0.5, 0.4).winner
    finish(first.cells[0], {"val/all/miou": 0.5})  # as a row of some other table too
    second = won(cells, 0.3, 0.4, 0.5).winner
    for cell in second.cells:
        finish(cell, {"val/all/miou": 0.5})
    require_first_look(cells, second.method)
    (cells.folder / COMPARED).unlink()
    finish(first.cells[1], {"val/all/miou": 0.5})
    with pytest.raises(PlanError, match=f"was asked about {first.method.name}, and"):
        require_first_look(cells, second.method)
    assert read_look(cells.folder) is None


def test_the_comparison_of_a_former_winner_is_not_told_of_the_present_one(cells):
    found = won(cells, 0.3, 0.5, 0.4)
    require_first_look(cells, found.winner.method)
    (cells.folder / COMPARISON).write_text("# The first against the base\n")
    write_report(found)
    assert "The first against the base" in (cells.folder / REPORT).read_text()
    for later in (won(cells, 0.3, 0.4, 0.5), won(cells, 0.6, 0.4, 0.5)):
        write_report(later)
        assert "On validation, asked once" not in (cells.folder / REPORT).read_text()


@pytest.mark.parametrize("text", ["", '{"winner": "x"}', "[]", '{"winner": 1, "identity": "a"}'])
def test_a_damaged_note_of_the_look_is_refused_with_the_way_out(cells, text):
    winner = won(cells, 0.3, 0.5).winner
    (cells.folder / COMPARED).write_text(text)
    with pytest.raises(DataError, match=r"compared\.json: not a note of .* Take it from a copy"):
        require_first_look(cells, winner.method)
