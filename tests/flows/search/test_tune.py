"""The command `hcfres tune`, without workers."""

import json
import os
import subprocess
import sys
import time
from dataclasses import fields
from functools import partial

import pytest

from flows.cells.failed import Failure, write_failure
from flows.cells.trained import hardware_of
from flows.cli import main
from flows.commands.options import console
from flows.planning.estimate import Disk, Estimate
from flows.search import run, tune
from flows.search.storage import study_storage
from flows.search.study import Outcome, Study
from flows.search.winner import candidates
from hcfres.pipeline.stage_count import StageCount
from hcfres.pipeline.versions import code_of_cells
from tests.flows.searches import SMALL, cells_in, experiments, learn, opened, play, worth

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
PLAN_KEYS = {
    "search", "title", "setting", "setting_title", "study", "objectives", "sampler", "pruner",
    "space", "points", "wanted", "asked", "trials", "trials_left", "free", "more_seeds",
    "seconds_a_cell", "stages", "estimate", "disk", "remarks", "schema",
}  # fmt: skip


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Run `hcfres tune` as a person does; give the exit code and everything it printed."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    monkeypatch.setenv("HCFRES_WORKERS", "2")
    monkeypatch.setattr(console, "width", 200)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", "tune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


@pytest.fixture(scope="module")
def code():
    return code_of_cells()


def plan_of(told, *arguments):
    status, said = told(*arguments, "--plan", "--json")
    assert status == 0, said
    return json.loads(said)


def test_the_plan_shows_the_space_and_what_there_is_to_do(told, tmp_path):
    path = experiments(tmp_path / "experiments")
    status, said = told(path, "--trials", "7", "--plan")
    assert status == 0
    assert "fusion.gate" in said and "fusion.across = adaptive" in said
    assert "9 points, 0 of them trained here already" in said
    assert "0 of 7 trials asked for (none yet); then 2 cells with further seeds" in said
    assert "nothing of this setting was measured here yet" in said
    assert not (tmp_path / "workspace").exists()


def test_the_plan_is_one_json_document_with_these_keys(told, tmp_path, code):
    path = experiments(tmp_path / "experiments")
    plan = plan_of(told, path)
    assert plan.keys() == PLAN_KEYS
    assert plan["schema"] == "hcfres.search-plan/2"
    assert plan["stages"][0].keys() == {field.name for field in fields(StageCount)}
    assert plan["estimate"].keys() == {field.name for field in fields(Estimate)}
    assert plan["disk"].keys() == {field.name for field in fields(Disk)}
    assert plan["space"][2] == {
        "path": "fusion.gate",
        "base": "scalar",
        "tried": "scalar, channel",
        "when": "fusion.across = adaptive",
    }
    assert (plan["points"], plan["wanted"], plan["asked"], plan["free"]) == (9, 4, 0, 0)
    assert plan["estimate"]["wall_s"] is None


def test_trained_cells_are_free_and_say_how_long_one_takes(told, tmp_path, code):
    cells = cells_in(tmp_path, code=code)
    for values in list(cells.search.space.points())[:3]:
        learn(cells.planned(values, ""), 0.5, code=code)
    plan = plan_of(told, cells.search.source)
    assert plan["free"] == 3
    assert plan["seconds_a_cell"] == 60.0
    assert plan["estimate"]["wall_s"] == (2 + 1) * 60.0  # 4 trials, 2 more seeds, two at a time
    assert plan["estimate"]["device_s"] == (4 + 2) * 60.0
    written = sum(
        path.stat().st_size for path in cells.workspace.cells.rglob("*") if path.is_file()
    )
    assert plan["estimate"]["size"] == pytest.approx(2 * written, rel=0.01)  # of 3 cells
    assert plan["disk"]["fits"]


def test_more_trials_than_anybody_means_are_refused_with_the_number(told, tmp_path):
    status, said = told(experiments(tmp_path), "--plan", "--trials", "9999999999")
    assert status == 2
    assert "--trials 9,999,999,999 is more than the 20,000 that may be" in said


def test_json_belongs_to_the_plan(told, tmp_path):
    status, said = told(experiments(tmp_path / "experiments"), "--json")
    assert status == 2
    assert "--json belongs to --plan" in said


def test_names_that_nobody_registered_are_refused_with_file_and_path_all_at_once(told, tmp_path):
    text = SMALL.replace('"mean"]', '"meen"]').replace('"add"] }', '"ad"] }')
    status, said = told(experiments(tmp_path / "experiments", text), "--plan")
    assert status == 2
    assert "small_search.toml, fusion.within_2d: no fusion variant is called 'meen'" in said
    assert "did you mean `mean`?" in said
    assert "small_search.toml, fusion.across: no fusion variant is called 'ad'" in said
    assert "Traceback" not in said


def test_times_are_of_this_machine_where_the_workers_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    asked = tune.Asked(experiments(tmp_path / "experiments"))
    cells = tune.cells_of(asked)
    assert cells.hardware == hardware_of(cells.kind)


def test_a_search_that_there_is_not_is_refused(told):
    status, said = told("search_fusoin", "--plan")
    assert status == 2
    assert "search_fusion" in said


def test_a_setting_may_be_named(told, tmp_path):
    path = experiments(tmp_path / "experiments")
    small = path.parent / "settings" / "small.toml"
    other = small.read_text().replace('name       = "small"', 'name       = "other"')
    (small.parent / "other.toml").write_text(other)
    assert plan_of(told, path)["setting"] == "small"
    assert plan_of(told, path, "--setting", "other")["setting"] == "other"
    status, said = told(path, "--setting", "rooms", "--plan")
    assert status == 2
    assert "rooms.toml does not exist" in said


def test_a_finished_search_needs_neither_torch_nor_a_server(told, tmp_path, code):
    cells = cells_in(tmp_path, code=code)
    study = opened(cells)
    play(study)
    for one in candidates(cells, study.trials):
        for cell in one.missing:
            learn(cell, worth(cell), code)
    (cells.folder / "LOGGED").touch()
    script = (
        "import sys, pathlib\n"
        "from rich.console import Console\n"
        "from flows.search.tune import Asked, tune\n"
        f"found = tune(Asked(pathlib.Path({str(cells.search.source)!r})), Console())\n"
        "assert found.winner is not None\n"
        "heavy = {'torch', 'prefect', 'mlflow', 'spconv', 'transformers'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    environment = os.environ | {"HCFRES_HOME": str(tmp_path / "workspace"), "COLUMNS": "200"}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 of 4 trials asked for (4 done); nothing to run" in ran.stdout
    assert "Winner, by the highest mean" in ran.stdout
    assert (cells.folder / "report.md").exists()


@pytest.fixture
def pretended(monkeypatch):
    """Let searches write cells instead of training them; which fail, a test may say."""
    fails = []

    def failed(planned):
        return any(one(planned) for one in fails)

    def run_search(study, console, on="local"):
        while (asked := study.next()) is not None:
            if not failed(asked.planned):
                learn(asked.planned, worth(asked.planned), study.cells.code)
            reason = "out of memory" if failed(asked.planned) else ""
            study.tell(asked, Outcome("failed" if reason else "done", reason))
        if study.elsewhere():
            return
        for cell in (c for one in candidates(study.cells, study.trials) for c in one.missing):
            if failed(cell):
                cell.folder.mkdir(parents=True, exist_ok=True)
                why = {"reason": "NaN", "message": "the loss is not finite", "at": "", "device": ""}
                told = Failure(setting="small", seed=cell.cell.seed, attempts=1, **why)
                write_failure(cell.folder, told)
            else:
                learn(cell, worth(cell), study.cells.code)

    monkeypatch.setattr(run, "run_search", run_search)
    monkeypatch.setattr(tune, "start_server", lambda: None)
    return fails


def is_base(planned):
    return planned.cell.method.name == "hcf_res"


def test_a_search_that_is_done_exits_with_0(told, tmp_path, pretended):
    status, said = told(experiments(tmp_path / "experiments"))
    assert status == 0
    assert "Winner, by the highest mean" in said


def test_a_failed_trial_is_told_and_the_exit_code_is_not_0(told, tmp_path, code, pretended):
    cells = cells_in(tmp_path, code=code)
    pretended.append(lambda planned: not is_base(planned) and planned.cell.seed == 1999)
    status, said = told(cells.search.source, "--compare")
    assert status == 2
    assert "the search is not done, though a winner is named of the rest:" in said
    assert said.count("failed: out of memory") == 3
    assert "The same command tries only these again" in said
    assert "--compare was not done: the base has won, so far" in said
    plan = plan_of(told, cells.search.source)
    assert (plan["asked"], plan["trials_left"]) == (4, 3)
    pretended.clear()
    status, said = told(cells.search.source)
    assert status == 0, said


def test_a_failed_further_seed_is_told_and_the_exit_code_is_not_0(told, tmp_path, code, pretended):
    cells = cells_in(tmp_path, SMALL.replace("best = 1", "best = 2"), code=code)
    pretended.append(lambda planned: not is_base(planned) and planned.cell.seed == 2000)
    status, said = told(cells.search.source, "--compare")
    assert status == 2
    assert "failed with seed 2000: the loss is not finite" in said
    assert "--compare was not done" in said
    assert "Traceback" not in said


def test_where_the_base_failed_no_winner_is_named_and_its_seed_is(told, tmp_path, pretended):
    pretended.append(lambda planned: is_base(planned) and planned.cell.seed == 2000)
    path = experiments(tmp_path / "experiments")
    status, said = told(path, "--compare")
    assert status == 2
    assert "no winner is named: the base, which a winner has to beat, failed with seed 2000" in said
    assert "the loss is not finite" in said
    assert "--compare was not done: there is no winner" in said
    assert "Winner, by" not in said
    (folder,) = (tmp_path / "workspace" / "studies").iterdir()
    assert "failed with seed 2000" in (folder / "report.md").read_text()


def test_where_the_trial_of_the_base_failed_no_winner_is_named(told, tmp_path, pretended):
    pretended.append(lambda planned: is_base(planned) and planned.cell.seed == 1999)
    status, said = told(experiments(tmp_path / "experiments"))
    assert status == 2
    assert "no winner is named: the base, which a winner has to beat, failed with seed 1999" in said
    assert "trial 0 failed: out of memory" in said


@pytest.fixture
def shared(told, tmp_path, code, pretended, postgres, monkeypatch):
    """A search in a database with a sign of life each second; three trials are behind it."""
    monkeypatch.setattr(tune, "study_storage", partial(study_storage, heartbeat_s=1))
    cells, url = cells_in(tmp_path, code=code), postgres.create("shared")
    with study_storage(cells, url, heartbeat_s=1) as storage:
        study = Study(cells, storage, 4)
        study.begin()
        play(study, most=3)
        return study, lambda *more: told(cells.search.source, "--storage", url, *more)


@pytest.mark.slow
def test_while_other_launchers_are_at_trials_the_exit_code_is_not_0(shared):
    study, run = shared
    asked = study.next()
    with study.alive(asked):
        status, said = run("--compare")
    assert status == 2
    number = asked.trial.number
    assert f"trial {number} runs in another launcher, or had one that was killed" in said
    assert "waiting up to 4 s for a sign of life" in said
    assert f"the search is not done: trial {number} runs in other launchers" in said
    assert "free 3 s after its last sign of life: the same command then goes on" in said
    assert "--compare was not done: it comes after the winner" in said


@pytest.mark.slow
def test_the_trials_of_a_launcher_that_was_killed_are_waited_for_and_seen_through(shared):
    study, run = shared
    asked = study.next()
    with study.alive(asked):
        time.sleep(0.1)
    status, said = run()
    assert status == 0, said
    assert "Winner, by the highest mean" in said
    states = [t.state for t in study.trials if t.key == asked.planned.key]
    assert states == ["failed", "done"]


def test_more_further_seeds_than_anybody_means_are_refused_with_the_number(told, tmp_path):
    seeds = ", ".join(map(str, range(2000, 3000)))
    text = SMALL.replace("best = 1, seeds = [2000]", f"best = 20000, seeds = [{seeds}]")
    status, said = told(experiments(tmp_path / "experiments", text), "--trials", "100", "--plan")
    assert status == 2
    assert "100 trials and up to 101,000 cells with further seeds are more than the 20,000" in said


def test_the_ends_of_a_range_are_looked_at_before_any_trial(told, tmp_path):
    head = SMALL.split("[space]")[0]
    text = f"{head}[space]\nsemantics.layer = {{ low = -40, high = -1, log = false }}\n"
    status, said = told(experiments(tmp_path / "experiments", text), "--plan")
    assert status == 2
    assert "small_search.toml, semantics.layer: " in said
