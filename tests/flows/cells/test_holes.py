"""A table with a hole says why, and how to fill it."""

from dataclasses import replace

import pytest
from rich.console import Console

from flows.cells.failed import (
    Failure,
    failed_seeds,
    forget_failure,
    one_line,
    read_failure,
    write_failure,
)
from flows.cells.holes import hole
from flows.cells.records import read_records
from flows.report import build_table, write_reports
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import latex, markdown
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan

STARVED = Failure("smoke", 1, "out of memory", "killed by `signal 9`", 2, "cuda:1", "2026-11-28")
GAP = Failure("smoke", 1, "masks of scene0700_00", "ValueError: no such frame", 0, "", "2026-11-28")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def plan_of(workspace, seeds=(1,)):
    return small_plan(workspace, code=code_of_cells(), seeds=seeds)


def table_of(workspace, seeds=(1,)):
    frame = results_frame(read_records(workspace))
    return build_table(plan_of(workspace, seeds), frame, "table3")


def score(cell, value):
    finish(cell, {"val/all/miou": value}, code=code_of_cells())


def test_a_failed_cell_is_a_hole_with_the_reason_and_a_note_with_the_way_out(workspace):
    write_failure(plan_of(workspace).cells[1].folder, STARVED)
    told = markdown(table_of(workspace))
    assert "| ✗ VSD ✓ MLF | ours: failed: out of memory [1] | – | – | – |" in told
    assert told.endswith(
        "\n[1] mlf, seed 1 failed on cuda:1, tried 2 times: `killed by 'signal 9'`. Again: "
        "`hcfres reproduce table3_ablation --setting smoke --only mlf --seeds 1`.\n"
    )
    assert told.count("not run: `hcfres reproduce") == 3


def test_a_cell_that_was_not_begun_names_what_it_lacks(workspace):
    write_failure(plan_of(workspace).cells[2].folder, GAP)
    told = markdown(table_of(workspace))
    assert "ours: failed: masks of scene0700_00 [1]" in told
    assert "[1] vsd, seed 1 was not begun, masks of scene0700_00 failed: `ValueError" in told


def test_a_row_of_several_seeds_says_which_of_them_its_mean_lacks(workspace):
    first, second, third = plan_of(workspace, (1, 2, 3)).cells[:3]
    score(first, 0.4)
    score(second, 0.5)
    write_failure(third.folder, replace(STARVED, seed=3))
    told = markdown(table_of(workspace, (1, 2, 3)))
    assert "| ours, smoke; seed 3 failed: out of memory [1] |" in told
    assert "45.0 ± 7.1" in told
    assert "--only baseline --seeds 3`" in told


def test_different_reasons_of_one_row_are_all_named_once(workspace):
    plan = plan_of(workspace, (1, 2, 3))
    for cell, reason in zip(plan.cells[:3], ("hung", "died", "hung"), strict=True):
        write_failure(cell.folder, replace(STARVED, seed=cell.cell.seed, reason=reason))
    found = hole(plan.cells[0].row, plan.cells[:3], plan)
    assert found.remark == "failed: hung, died"
    assert found.note.count("failed on cuda:1") == 3


def test_latex_has_the_hole_too_and_reads_nothing_in_the_message_as_code(workspace):
    strange = replace(STARVED, message=r"C:\path 100% {x}_^~ & $ #1 … é")
    write_failure(plan_of(workspace).cells[1].folder, strange)
    told = latex(table_of(workspace))
    assert "ours: failed: out of memory [1]" in told
    assert r"\par [1] mlf, seed 1 failed on cuda:1" in told
    assert r"C:\textbackslash{}path 100\% \{x\}\_\textasciicircum{}\textasciitilde{}" in told
    assert r"\texttt{hcfres reproduce table3\_ablation" in told


def test_a_failure_is_one_short_line_and_is_forgotten_when_the_cell_begins_again(tmp_path):
    message = one_line("ValueError: of two\n  lines and\ttabs " + "x" * 1000)
    assert message.startswith("ValueError: of two lines and tabs xxx")
    assert len(message) == 400
    write_failure(tmp_path, replace(STARVED, message=message))
    assert read_failure(tmp_path).message == message
    forget_failure(tmp_path)
    assert read_failure(tmp_path) is None
    (tmp_path / "FAILED.json").write_text("{")
    assert read_failure(tmp_path) is None


def test_a_seed_of_which_every_cell_failed_is_in_the_reports(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    write_failure(plan_of(workspace, (7,)).cells[0].folder, replace(STARVED, seed=7))
    assert failed_seeds(workspace.cells, "smoke") == {7}
    assert failed_seeds(workspace.cells, "rooms") == set()
    write_reports(Console(quiet=True), "smoke")
    told = (tmp_path / "reports" / "smoke" / "table3.md").read_text()
    assert "baseline, seed 7 failed on cuda:1" in told
