"""Claims on cells."""

import pytest

from flows.cells.claim import CellDone, CellTaken, Claim, claimed, is_claimed
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import CODE, finish, small_plan


@pytest.fixture
def cell(tmp_path):
    return small_plan(Workspace(tmp_path)).cells[0]


def test_of_two_claims_on_a_cell_the_later_is_told_that_it_is_taken(cell):
    with Claim(cell, CODE) as first, Claim(cell, CODE) as second:
        first.make()
        first.make()
        with pytest.raises(CellTaken):
            second.make()
        assert is_claimed(cell)
    assert not is_claimed(cell)


def test_a_cell_that_waits_for_a_worker_is_free_for_others(cell):
    with Claim(cell, CODE), Claim(cell, CODE) as other:
        other.make()


def test_a_cell_that_was_finished_meanwhile_is_not_done_again(cell):
    finish(cell, {})
    with Claim(cell, CODE) as claim, pytest.raises(CellDone):
        claim.make()
    assert not is_claimed(cell)


def test_a_cell_of_other_code_is_done_again(cell):
    finish(cell, {}, code="of last week")
    with Claim(cell, CODE) as claim:
        claim.make()
        assert is_claimed(cell)


def test_a_search_and_a_grid_do_not_train_one_cell_at_once(cell):
    with claimed(cell), Claim(cell, CODE) as claim, pytest.raises(CellTaken):
        claim.make()
