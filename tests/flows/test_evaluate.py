"""Accuracies recomputed from stored predictions."""

import io

import pytest
from rich.console import Console

from flows.cells.names import newest_cell
from flows.evaluate import recompute
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan
from tests.reporting.drawn import write_predictions


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    return Workspace(tmp_path)


@pytest.fixture
def console():
    return Console(width=160, record=True, quiet=True)


def test_a_cell_is_named_by_the_beginning_of_its_key(workspace, console):
    write_predictions(workspace.cells / "abc1" / "predictions.parquet")
    write_predictions(workspace.cells / "abd2" / "predictions.parquet", seed=1)
    metrics = recompute("abd", console)
    assert metrics.groups["all"].count == 5
    with pytest.raises(DataError, match=r"several cells begin with 'ab'.*abc1, abd2"):
        recompute("ab", console)
    with pytest.raises(DataError, match=r"begins with 'x'.*abc1, abd2"):
        recompute("x", console)


def test_a_file_gives_the_same_as_its_cell(workspace, console):
    path = write_predictions(workspace.cells / "abc1" / "predictions.parquet")
    assert recompute(str(path), console) == recompute("abc1", console)


def test_every_group_with_expressions_has_a_line(workspace):
    path = write_predictions(workspace.root / "p.parquet")
    console = Console(width=160, record=True, file=io.StringIO())
    recompute(str(path), console)
    said = console.export_text()
    for group in ("zt_w_d", "zt_wo_d", "st_w_d", "st_wo_d", "mt", "zt", "st", "all"):
        assert f" {group} " in said


def test_the_newest_cell_of_a_method_answers(workspace):
    plan = small_plan(workspace, seeds=(1, 2))
    hcf_res = [cell for cell in plan.cells if cell.cell.method.name == "hcf_res"]
    for cell in (*hcf_res[::-1], plan.cells[0]):
        finish(cell, {})
    assert newest_cell("hcf_res", "smoke", workspace) == hcf_res[0].folder
    with pytest.raises(DataError, match=r"no finished cell of hcf_res .* rooms\. `make paper`"):
        newest_cell("hcf_res", "rooms", workspace)
