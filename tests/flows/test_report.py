"""The paper's tables from finished cells."""

import io
import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import flows.report
import flows.reproduce
from flows.cells.finished import read_finished
from flows.cells.records import read_records
from flows.places import EXPERIMENTS
from flows.planning.plan import accept, make_plan, refreshed
from flows.report import build_table, grid_table, weights_of, write_reports
from flows.reproduce import Asked, reproduce_and_report
from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import markdown
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import CODE, TABLE2, TABLE3, finish, small_plan


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def scores(acc_25, acc_50, miou):
    return {"val/all/acc_25": acc_25, "val/all/acc_50": acc_50, "val/all/miou": miou}


def table_of(workspace, name="table3", **asked):
    frame = results_frame(read_records(workspace))
    return build_table(small_plan(workspace, **asked), frame, name)


def test_table_3_of_two_finished_cells(workspace):
    plan = small_plan(workspace)
    finish(plan.cells[0], scores(0.40, 0.2049, 0.3), seconds=60.0)
    finish(plan.cells[3], scores(0.50, 0.25, 0.3551), seconds=180.0)
    body = markdown(table_of(workspace)).split("\n\n")[-1]
    command = "`hcfres reproduce table3_ablation --setting smoke --only"
    assert body == (
        "| VSD MLF |  | Acc@0.25 | Acc@0.5 | mIoU |\n"
        "| --- | --- | ---: | ---: | ---: |\n"
        "| ✗ VSD ✗ MLF | ours, smoke | <u>40.0</u> | <u>20.5</u> | <u>30.0</u> |\n"
        "|  | paper, ScanNet | 70.9 | 50.5 | 51.5 |\n"
        "|  | difference | -30.9 | -30.0 | -21.5 |\n"
        f"| ✗ VSD ✓ MLF | ours: not run: {command} mlf`, about 2 min | – | – | – |\n"
        "|  | paper, ScanNet | 71.5 | 51.5 | 52.3 |\n"
        f"| ✓ VSD ✗ MLF | ours: not run: {command} vsd`, about 2 min | – | – | – |\n"
        "|  | paper, ScanNet | <u>72.0</u> | <u>52.0</u> | <u>52.9</u> |\n"
        "| ✓ VSD ✓ MLF | ours, smoke | **50.0** | **25.0** | **35.5** |\n"
        "|  | paper, ScanNet | **72.3** | **53.4** | **53.5** |\n"
        "|  | difference | -22.3 | -28.4 | -18.0 |\n"
    )


def test_the_caption_tells_setting_seeds_and_encoders_and_boasts_of_nothing(workspace):
    told = table_of(workspace, seeds=(1, 2)).caption
    assert "setting smoke (two rooms, untrained encoders)" in told
    assert "seed 1, 2" in told
    assert "SAM tiny, CLIP tiny, RoBERTa tiny" in told
    assert "synthetic rooms" in told
    assert "state of the art" not in told.lower()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frozen", "seed 1999; SAM tiny, CLIP tiny, RoBERTa tiny, all frozen. Paper:"),
        ("trained", "seed 1999; SAM tiny, CLIP tiny, both frozen, RoBERTa tiny, trained. Paper:"),
    ],
)
def test_the_caption_tells_which_encoders_are_trained(workspace, text, said):
    setting = TABLE3.setting("rooms")
    training = setting.training.model_copy(update={"text": text})
    plan = make_plan(TABLE3, setting.model_copy(update={"training": training}), workspace, CODE)
    assert said in build_table(plan, results_frame(()), "table3").caption


def test_several_seeds_are_a_mean_and_a_spread(workspace):
    for cell, miou in zip(small_plan(workspace, seeds=(1, 2)).cells[:2], (0.3, 0.34), strict=True):
        finish(cell, scores(0.4, 0.2, miou))
    number = table_of(workspace, seeds=(1, 2)).lines[0].ours[2][0]
    assert number.mean == pytest.approx(32.0)
    assert number.spread == pytest.approx(2 * 2**0.5)


def test_systems_that_do_not_run_here_are_quoted(workspace):
    table = build_table(small_plan(workspace, TABLE2), results_frame([]), "table2")
    quoted = [line for line in table.lines if line.remark.startswith("does not run here")]
    assert [line.label.split(" (")[0] for line in quoted] == [
        row.title for row in TABLE2.config.quoted
    ]
    assert all(line.ours is None for line in quoted)
    assert all("not run: `hcfres" in line.remark for line in table.lines[len(quoted) :])


def test_cells_of_other_code_are_not_tabulated(workspace):
    finish(small_plan(workspace).cells[0], scores(0.4, 0.2, 0.3), code="the code of last week")
    line = table_of(workspace).lines[0]
    assert line.ours is None
    assert line.remark.startswith("made by other code: `hcfres reproduce")


def test_a_grid_of_one_row_says_of_the_others_how_to_run_them(workspace):
    plan = small_plan(workspace, only=("mlf",))
    finish(plan.cells[0], scores(0.4, 0.2, 0.3))
    lines = table_of(workspace, only=("mlf",)).lines
    assert [line.ours is not None for line in lines] == [False, True, False, False]
    assert "--only vsd+mlf`" in lines[3].remark


@pytest.mark.parametrize("damage", ["{", '{"metrics": {"val/all/miou": 9.9}}', ""])
def test_a_damaged_cell_counts_nowhere_and_costs_no_other_its_table(workspace, damage):
    plan = small_plan(workspace)
    finish(plan.cells[0], scores(0.4, 0.2, 0.3))
    (finish(plan.cells[3], scores(0.5, 0.25, 0.3)) / "results.json").write_text(damage)
    assert [record.key for record in read_records(workspace)] == [plan.cells[0].key]
    table = markdown(table_of(workspace))
    assert "40.0" in table
    assert "--only vsd+mlf" in table


def test_the_table_of_a_grid_that_ran_holds_its_cells(workspace):
    plan = small_plan(workspace, only=("mlf",))
    finish(plan.cells[0], scores(0.4, 0.2, 0.3))
    table = grid_table(refreshed(plan, CODE), results_frame(read_records(workspace)))
    assert table.lines[1].ours is not None


def test_cells_of_other_code_that_were_accepted_are_marked(workspace):
    first, second = small_plan(workspace).cells[:2]
    finish(first, scores(0.4, 0.2, 0.3), code="the code of last week")
    finish(second, scores(0.4, 0.2, 0.3))
    frame = results_frame(read_records(workspace))
    table = build_table(accept(small_plan(workspace)), frame, "table3")
    assert [line.label for line in table.lines[:2]] == ["✗ VSD ✗ MLF †", "✗ VSD ✓ MLF"]
    assert "† made by other code than the present, and kept" in table.caption
    assert "†" not in table_of(workspace).caption


def test_the_caption_tells_the_seeds_of_each_row_where_they_differ(workspace):
    for cell in small_plan(workspace, seeds=(1, 2)).cells[1:3]:
        finish(cell, scores(0.4, 0.2, 0.3))
    told = table_of(workspace, seeds=(1, 2)).caption
    assert "seed by row (✗ VSD ✗ MLF: 2; ✗ VSD ✓ MLF: 1);" in told


def test_finished_cells_of_other_seeds_are_tabulated_unless_other_code_made_them(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    code = code_of_cells()
    for cell in small_plan(workspace, code=code, seeds=(1, 2)).cells:
        finish(cell, scores(0.4, 0.2, 0.30 if cell.cell.seed == 1 else 0.34), code=code)
    for cell in small_plan(workspace, code=code, seeds=(3,)).cells:
        finish(cell, scores(0.4, 0.2, 0.9), code="the code of last week")
    write_reports(Console(quiet=True), "smoke")
    folder = tmp_path / "reports" / "smoke"
    table3 = (folder / "table3.md").read_text()
    assert table3.count("32.0 ± 2.8") == 4
    assert "seed 1, 2;" in table3
    assert "seed 1999;" in (folder / "table1.md").read_text()
    write_reports(Console(quiet=True), "smoke", accept_code=True)
    assert "seed 1, 2, 3;" in (folder / "table3.md").read_text()


def test_a_group_that_was_not_measured_is_a_dash(workspace):
    plan = small_plan(workspace, TABLE2)
    finish(plan.cells[-1], {"val/all/miou": 0.3})
    frame = results_frame(read_records(workspace))
    rows = markdown(build_table(small_plan(workspace, TABLE2), frame, "table2")).splitlines()
    (ours,) = [row for row in rows if "ours, smoke" in row]
    assert "– / –" in ours
    assert ours.endswith("| 30.0 |")


def test_every_table_and_the_results_are_written_and_one_cell_serves_three(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    monkeypatch.setattr(flows.report, "REPORTS", tmp_path / "kept for rooms")
    plan = small_plan(workspace, code=code_of_cells())
    finish(plan.cells[3], scores(0.5, 0.25, 0.35), code=code_of_cells())
    written = write_reports(Console(quiet=True), "smoke")
    names = {path.name for path in written}
    assert names >= {"results.csv"} | {f"table{n}{s}" for n in range(1, 5) for s in (".md", ".tex")}
    folder = tmp_path / "reports" / "smoke"
    assert not (tmp_path / "kept for rooms").exists()
    for number in (2, 3):
        assert "ours, smoke" in (folder / f"table{number}.md").read_text()
        assert "ours, smoke" in (folder / f"table{number}.tex").read_text()
    assert "ours, smoke" not in (folder / "table1.md").read_text()
    kept = pd.read_csv(folder / "results.csv")
    assert list(kept["key"]) == [plan.cells[3].key]
    assert kept["val/all/miou"][0] == 0.35


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("best_held_out", "epoch with the best mIoU on held-out training spaces"),
        ("best_validation", "epoch with the best mIoU ON VALIDATION ITSELF"),
    ],
)
def test_tables_of_a_best_epoch_say_so_and_stand_apart(
    workspace, tmp_path, monkeypatch, weights, said
):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    (cell, *_) = small_plan(workspace, code=code_of_cells()).cells
    best = {"all/acc_25": 0.6, "all/acc_50": 0.5, "all/miou": 0.55}
    told = scores(0.4, 0.2, 0.3) | {f"{weights}/{name}": score for name, score in best.items()}
    finish(cell, told, code=code_of_cells())
    write_reports(Console(quiet=True), "smoke")
    write_reports(Console(quiet=True), "smoke", weights=weights)
    last, other = (
        (tmp_path / "reports" / folder / "table3.md").read_text()
        for folder in ("smoke", f"smoke-{weights}")
    )
    assert "ours, smoke | 40.0 | 20.0 | 30.0 |" in last
    assert "validation split, last epoch," in last
    assert "ours, smoke | 60.0 | 50.0 | 55.0 |" in other
    assert f"validation split, {said}" in other
    assert said not in last


def test_weights_that_there_are_not_are_refused():
    assert weights_of("best_held_out") == "best_held_out"
    with pytest.raises(ConfigError, match=r"--weights is 'best': give one of last, best_held_out"):
        weights_of("best")


def test_asked_again_a_finished_grid_is_looked_at_once(workspace, tmp_path, monkeypatch):
    """Four tables of ten thousand cells each would otherwise read forty thousand."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    code, seen = code_of_cells(), []
    plan = small_plan(workspace, code=code)
    for cell in plan.cells:
        (finish(cell, scores(0.4, 0.2, 0.3), code=code) / "LOGGED").touch()
    plan.folder.mkdir(parents=True)
    (plan.folder / "LOGGED").touch()

    def counted(folder):
        seen.append(folder.name)
        return read_finished(folder)

    monkeypatch.setattr(flows.reproduce, "read_finished", counted)
    monkeypatch.setattr(flows.report, "read_finished", counted)
    asked = Asked(TABLE3.source, "smoke")
    reproduce_and_report(asked, Console(quiet=True))
    assert {cell.key for cell in plan.cells} <= set(seen)
    assert len(seen) == len(set(seen))
    assert "30.0" in (tmp_path / "reports" / "smoke" / "table3.md").read_text()


def test_a_plan_that_is_looked_up_again_sees_what_was_finished_since(workspace):
    before = small_plan(workspace, look=cache(read_finished))
    assert len(before.todo) == 4
    finish(before.cells[0], scores(0.4, 0.2, 0.3))
    after = refreshed(before, CODE)
    assert len(after.todo) == 3
    finish(after.cells[1], scores(0.4, 0.2, 0.3))
    assert len(refreshed(after, CODE).todo) == 2
    assert after.typical(after.cells[2].cell.method.name).cells == 2


def test_the_table_of_ones_own_is_written_and_its_commands_can_be_typed(
    workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    own = tmp_path / "my tables" / "mine.toml"
    shutil.copytree(EXPERIMENTS, own.parent)
    shutil.copy(TABLE3.source, own)
    plan = small_plan(workspace, load_experiment(own), code=code_of_cells(), only=("mlf",))
    (finish(plan.cells[0], scores(0.4, 0.2, 0.3), code=code_of_cells()) / "LOGGED").touch()
    plan.folder.mkdir(parents=True)
    (plan.folder / "LOGGED").touch()
    console = Console(record=True, width=500, quiet=False, file=io.StringIO())
    reproduce_and_report(Asked(own, "smoke", only="mlf"), console)
    table = plan.folder / "mine.md"
    assert f"wrote {table}" in console.export_text()
    assert "30.0" in table.read_text()
    (command,) = set(re.findall(r"`hcfres reproduce (.*) --only vsd`", table.read_text()))
    path, *rest = shlex.split(command)
    assert (Path(path), rest) == (own, ["--setting", "smoke"])
    assert (plan.folder / "mine.tex").is_file()
