"""The command line: quick to open, and plain about what is wrong."""

import ast
import importlib
import importlib.util
import os
import resource
import shutil
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from flows.cli import app, main
from flows.places import EXPERIMENTS, ROOT


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def told(monkeypatch, capsys):
    """Run the command as a person does; give the exit code and everything it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def refused(outcome, *parts):
    code, said = outcome
    assert code == 2, said
    assert "Traceback" not in said
    for part in parts:
        assert part in said, said


def test_the_help_reads_like_a_table_of_contents():
    said = CliRunner().invoke(app, ["--help"]).output
    for chapter in ("Run the paper", "One stage at a time", "Look"):
        assert chapter in said
    for command in ("paper", "reproduce", "tune", "report", "predict", "doctor", "ui", "pretrain"):
        assert command in said


def test_the_help_takes_less_than_a_second_of_the_processor():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = "import sys; sys.argv = ['hcfres', '--help']; from flows.cli import main; main()"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 1.0


def test_the_command_line_itself_needs_no_heavy_library():
    script = (
        "import sys, flows.cli\n"
        "heavy = {'torch', 'prefect', 'mlflow', 'optuna', 'pandas', 'matplotlib'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_every_problem_of_a_wrong_method_is_told_at_once(told, tmp_path):
    for folder in ("methods", "settings"):
        (tmp_path / folder).mkdir()
        for path in (EXPERIMENTS / folder).glob("*.toml"):
            (tmp_path / folder / path.name).write_text(path.read_text())
    method = tmp_path / "methods" / "hcf_res.toml"
    text = method.read_text()
    assert 'across        = "adaptive"' in text
    method.write_text(text.replace('across        = "adaptive"', 'acros         = "adaptive"'))
    table = tmp_path / "table3.toml"
    table.write_text((EXPERIMENTS / "table3_ablation.toml").read_text())
    outcome = told("reproduce", table, "--setting", "smoke", "--plan")
    refused(outcome, str(method), "fusion.acros: unknown key; did you mean `across`?")
    assert "fusion.across" in outcome[1]


def test_what_is_not_toml_is_refused_with_its_line(told, tmp_path):
    path = tmp_path / "table.toml"
    path.write_text('title = "x"\nrows = [\n')
    refused(told("reproduce", path, "--plan"), str(path))


def test_an_unknown_name_is_answered_with_the_known_ones(told):
    refused(told("reproduce", "table9", "--plan"), "no file table9", "table3_ablation")
    wrong = ("reproduce", "table3_ablation", "--setting", "smoke", "--plan", "--only", "vds")
    refused(told(*wrong), "no row 'vds'", "vsd")
    refused(told("reproduce", "table3_ablation", "--setting", "room", "--plan"), "room")


def test_seeds_are_numbers(told):
    refused(told("reproduce", "table3_ablation", "--seeds", "1,two"), "'1,two'", "numbers")


def test_missing_weights_are_named_with_their_place(told, tmp_path):
    outcome = told("reproduce", "table3_ablation", "--setting", "scannet", "--plan")
    refused(outcome, "there are no weights", str(tmp_path / "workspace" / "weights"))


def test_the_pages_need_something_to_show(told):
    refused(told("ui"), "nothing was logged", "make paper")


def test_a_port_in_use_is_refused_with_the_way_out(told, tmp_path):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(told("ui", "--port", port), f"port {port} is in use", "--port")


def test_predictions_that_are_not_there_are_named(told, tmp_path):
    refused(told("evaluate", "abc"), "no cell has predictions.parquet yet", "make paper")
    refused(told("evaluate", tmp_path / "none.parquet"), "none.parquet", "not a readable parquet")


def test_the_doctor_says_what_is_missing_and_where_it_goes(tmp_path):
    ran = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert ran.exit_code == 0
    assert "spconv" in ran.output
    assert "data of `rooms`: not there" in ran.output
    assert "`hcfres acquire rooms` puts it there" in ran.output
    assert str(tmp_path / "workspace" / "weights" / "sam_vit_h_4b8939.pth") in ran.output
    assert "GB free" in ran.output


LAZY = sorted([ROOT / "flows" / "cli.py", *(ROOT / "flows" / "commands").glob("*.py")])


def lazy_imports(path):
    """What the functions of a file import: (module, name), name None for `import module`."""
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.stem)
def test_what_a_command_imports_when_it_runs_is_there(path):
    found = list(lazy_imports(path))
    for module, name in found:
        imported = importlib.import_module(module)
        there = name is None or hasattr(imported, name)
        assert there or importlib.util.find_spec(f"{module}.{name}"), f"{path}: {module}.{name}"


def test_every_command_imports_what_it_runs():
    found = {module for path in LAZY for module, _ in lazy_imports(path)}
    assert {"flows.reproduce", "flows.stages", "flows.predict", "flows.partitions"} <= found


def by_itself(workspace, *arguments):
    """Run the command in a process of its own; give its exit code and all that it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    ran = subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        env=kept | {"HCFRES_HOME": str(workspace), "HCFRES_WORKERS": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=400,
    )
    return ran.returncode, ran.stdout


@pytest.fixture(scope="module")
def acquired(tmp_path_factory):
    """A workspace with the smoke rooms in it, which no test changes."""
    workspace = tmp_path_factory.mktemp("acquired") / "workspace"
    code, said = by_itself(workspace, "acquire", "smoke")
    assert code == 0, said
    return workspace


@pytest.fixture
def own_rooms(acquired, tmp_path):
    """A copy of the rooms for a test to break."""
    workspace = tmp_path / "rooms"
    shutil.copytree(acquired / "data", workspace / "data")
    return workspace


def one_message(outcome, *parts):
    """The whole of it is one line that says what was wrong, after what went well."""
    refused(outcome, *parts)
    lines = [line for line in outcome[1].splitlines() if line.strip()]
    assert sum("hcfres:" in line for line in lines) == 1, outcome[1]
    assert lines[-1].startswith("hcfres:"), outcome[1]
    for loud in ("ERROR", "CRITICAL", "WARNING", "Exception", "  File "):
        assert loud not in outcome[1], outcome[1]


@pytest.mark.slow
def test_a_stage_that_finds_a_truncated_image_is_one_message(own_rooms):
    image = sorted(own_rooms.glob("data/*/frames/*/depth/*.png"))[0]
    image.write_bytes(image.read_bytes()[:300])
    one_message(by_itself(own_rooms, "describe", "smoke"), str(image), "truncated")
    assert not list(own_rooms.glob("cells/*"))


@pytest.mark.slow
def test_a_flow_that_finds_damaged_weights_is_one_message(own_rooms, tmp_path):
    experiments = tmp_path / "experiments"
    shutil.copytree(EXPERIMENTS, experiments)
    smoke = (experiments / "settings" / "smoke.toml").read_text()
    setting = experiments / "settings" / "broken.toml"
    setting.write_text(smoke.replace('"smoke"', '"broken"', 1))
    untrained = '[clip]\nmodel   = "tiny"\nweights = "random:0"'
    assert untrained in setting.read_text()
    named = untrained.replace("random:0", "broken.safetensors")
    setting.write_text(setting.read_text().replace(untrained, named))
    weights = own_rooms / "weights" / "broken.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(bytes(3000))
    grid = ("reproduce", experiments / "table3_ablation.toml", "--setting", "broken")
    outcome = by_itself(own_rooms, *grid, "--only", "vsd+mlf")
    one_message(outcome, str(weights), "not a readable weights file")
    assert not list(own_rooms.glob("cells/*/DONE.json"))
