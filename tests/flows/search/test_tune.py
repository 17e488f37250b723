"""The command `hcfres tune`, without workers."""

import json
import os
import subprocess
import sys

import pytest

from flows.cli import main
from flows.commands.options import console
from flows.search.winner import candidates
from hcfres.pipeline.versions import code_of_cells
from tests.flows.searches import SMALL, cells_in, experiments, learn, opened, play, worth

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
PLAN_KEYS = {
    "search", "title", "setting", "setting_title", "study", "objectives", "sampler", "pruner",
    "space", "points", "wanted", "asked", "trials", "free", "more_seeds", "seconds_a_cell",
    "workers", "seconds_left", "schema",
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
    assert plan["schema"] == "hcfres.search-plan/1"
    assert plan["space"][2] == {
        "path": "fusion.gate",
        "base": "scalar",
        "tried": "scalar, channel",
        "when": "fusion.across = adaptive",
    }
    assert (plan["points"], plan["wanted"], plan["asked"], plan["free"]) == (9, 4, 0, 0)
    assert plan["seconds_left"] is None


def test_trained_cells_are_free_and_say_how_long_one_takes(told, tmp_path, code):
    cells = cells_in(tmp_path, code=code)
    for values in list(cells.search.space.points())[:3]:
        learn(cells.planned(values, ""), 0.5, code=code)
    plan = plan_of(told, cells.search.source)
    assert plan["free"] == 3
    assert plan["seconds_a_cell"] == 60.0
    assert plan["seconds_left"] == (2 + 1) * 60.0  # 4 trials and 2 more seeds, two at a time


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
