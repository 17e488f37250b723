"""Cells as a person may name them."""

import pytest

from flows.cells.names import find_cell, standings
from flows.planning.plan import write_plan
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import TABLE2, finish, small_plan

RESULTS = "results.json"


@pytest.fixture
def workspace(tmp_path):
    """Table III with two seeds, of which four cells are finished, and a row of Table II."""
    workspace = Workspace(tmp_path)
    plan = small_plan(workspace, seeds=(1, 2))
    for cell in (*plan.cells[:2], *plan.cells[6:]):
        finish(cell, {})
    write_plan(plan)
    other = small_plan(workspace, TABLE2, seeds=(1,), only=("mdin", "hcf_res"))
    finish(other.cells[0], {})
    write_plan(other)
    return workspace


def named(workspace, text):
    """Where the cell that a text means stands."""
    folder = find_cell(text, workspace, RESULTS)
    return {str(one) for one in standings(workspace) if one.key == folder.name}


def test_a_cell_is_its_key_its_beginning_or_its_place_in_a_table(workspace):
    of = "of table3_ablation on smoke"
    assert named(workspace, "baseline, seed 2") == {f"baseline, seed 2, {of}"}
    assert named(workspace, "table3_ablation/baseline, seed 1") == {f"baseline, seed 1, {of}"}
    assert named(workspace, "mdin") == {"mdin, seed 1, of table2_multi3drefer on smoke"}
    key = find_cell("baseline, seed 2", workspace, RESULTS).name
    assert find_cell(key, workspace, RESULTS).name == find_cell(key[:9], workspace, RESULTS).name


def test_a_cell_of_two_tables_is_called_by_either(workspace):
    both = {
        "vsd+mlf, seed 1, of table3_ablation on smoke",
        "hcf_res, seed 1, of table2_multi3drefer on smoke",
    }
    assert named(workspace, "vsd+mlf, seed 1") == named(workspace, "hcf_res") == both


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("baseline", "several cells are called 'baseline'"),
        ("", "several cells begin with ''"),
        ("vsd", "no cell with results.json begins with 'vsd' or is called so"),
        ("../grids", "no cell with results.json begins with '../grids'"),
        ("*", "no cell with results.json begins with '*'"),
        ("/etc/passwd", "no cell with results.json begins with '/etc/passwd'"),
        ("$(reboot)\x1b[2J", "no cell with results.json begins with"),
    ],
)
def test_anything_else_is_answered_with_what_there_is(workspace, text, reason):
    with pytest.raises(DataError) as refused:
        find_cell(text, workspace, RESULTS)
    assert reason in str(refused.value)
    assert "(baseline, seed 1, of table3_ablation on smoke)" in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"experiment": 1}', '{"cells": [{}]}'])
def test_a_broken_plan_names_nothing(workspace, text):
    before = len(standings(workspace))
    folder = workspace.grids / "broken"
    folder.mkdir()
    (folder / "plan.json").write_text(text)
    assert len(standings(workspace)) == before
