"""`hcfres cost`: measured apart, printed, kept, logged."""

import os
import sys

import pytest
import torch
from rich.console import Console

from flows import cost
from flows.cli import main
from flows.cost import MEASURED, PAGE, paper_costs, write_page, written_page
from flows.tracking.tracker import Tracker
from hcfres.evaluation.cost.records import CostRecord, DecoderRecord, read_records, write_records
from hcfres.reporting.cost.paper import PaperCost
from hcfres.store.workspace import Workspace
from tests.reporting.cost.fabricated import make_decoders, make_record

QUICK = ("--points", "400", "--expressions", "2", "--repeats", "1", "--seconds", "0")


def _told(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["hcfres", "cost", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.fixture
def told(capsys, monkeypatch, tmp_path):
    """Run the command as a person does; give the exit code and what it printed."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "250")
    return lambda *arguments: _told(arguments, capsys, monkeypatch)


@pytest.mark.slow
def test_a_method_is_measured_printed_kept_and_logged(told, tmp_path):
    (tmp_path / "workspace").mkdir()
    kept = tmp_path / "kept.json"
    code, said = told("mdin", "--setting", "smoke", *QUICK, "--device", "cpu", "--json", kept)
    assert code == 0, said
    assert "warm scene to answer" in said
    (record,) = read_records(kept, CostRecord)
    assert (record.method, record.setting, record.rig.device) == ("mdin", "smoke", "cpu")
    assert [scene.points for scene in record.scenes] == [400]
    assert [group.expressions for group in record.scenes[0].groups] == [2]
    assert [step.name for step in record.one_off.steps] == ["superpoints"]
    tracker = Tracker(Workspace())
    (run,) = tracker._client.search_runs([tracker.experiment_id])
    assert run.data.tags["hcfres.kind"] == "cost"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["cost/400_points/inference_ms"] > 0


def test_without_a_workspace_none_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    monkeypatch.setattr(cost, "_measured", lambda *_: make_record())
    asked = cost.Asked(("mdin",), ("smoke",), "cpu", (), (1,), 0, cost.Budget(1, 0.0))
    cost.report_cost(asked, cost.Kept(None, write=False), Console(quiet=True))
    assert not (tmp_path / "workspace").exists()


def test_what_was_kept_makes_the_page(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "PAGE", tmp_path / "cost.md")
    monkeypatch.setattr(cost, "MEASURED", tmp_path / "cost")
    write_records(tmp_path / "cost" / "a.json", CostRecord, make_record("ipdn"))
    write_records(tmp_path / "cost" / "b.json", CostRecord, make_record())
    write_records(tmp_path / "cost" / "decoders-cpu.json", DecoderRecord, make_decoders())
    write_page(Console(quiet=True))
    page = (tmp_path / "cost.md").read_text()
    for part in ("HCF_RES against IPDN", "156.53", "## Decoders against loops"):
        assert part in page


def test_the_page_in_reports_is_of_the_measurements_beside_it():
    assert list(MEASURED.glob("*.json"))
    assert PAGE.read_text() == written_page()


def test_the_papers_costs_are_those_of_table_iv():
    paper = paper_costs()
    assert paper.setting == "scannet"
    assert paper.costs == {"ipdn": PaperCost(156.53, 535.0), "hcf_res": PaperCost(157.69, 523.0)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hcf",), "no file hcf"),
        (("--device", "gpu"), "give cpu or cuda"),
        (("--points", "many"), "give numbers with commas between"),
        (("--expressions", "1,0"), "each is at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(told, arguments, says):
    code, said = told(*arguments)
    assert code == 2
    assert says in said
    assert "Traceback" not in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_absent(told):
    code, said = told("--device", "cuda")
    assert code == 2
    assert "torch finds no GPU here" in said


@pytest.mark.slow
def test_a_process_that_ends_is_an_error_that_says_what_to_do(told, monkeypatch):
    monkeypatch.setattr(cost, "anatomy_of", _end)
    code, said = told("mdin", "--setting", "smoke", "--device", "cpu")
    assert code == 2
    assert "parameters: its process ended" in said
    assert "fewer --points" in said


def _end(*_):
    os._exit(9)
