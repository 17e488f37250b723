"""The command line: quick to open, and plain about what is wrong."""

import resource
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from flows.cli import app, main
from flows.places import EXPERIMENTS


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
    for command in ("paper", "reproduce", "report", "predict", "doctor", "ui", "pretrain"):
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
    assert 'across    = "adaptive"' in text
    method.write_text(text.replace('across    = "adaptive"', 'acros     = "adaptive"'))
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
