import json
import subprocess
import sys

import pytest
import torch

from hcfres.model.sparse import check
from hcfres.model.sparse.plain import PLAIN, PlainTorch

CPU = torch.device("cpu")


class Bent(PlainTorch):
    """Plain torch with something wrong in one operation."""

    def __init__(self, operation, error):
        self.operation, self.error = operation, error

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in ("submanifold", "strided", "inverse") or name != self.operation:
            return found
        return lambda *given: self.error(found(*given))


def test_plain_torch_agrees_with_itself():
    assert check.compare(PLAIN, CPU) == 0


@pytest.mark.parametrize("operation", ["submanifold", "strided", "inverse"])
def test_a_wrong_value_in_any_operation_is_seen(operation):
    def one_row_off(found):
        return found + torch.zeros_like(found).index_fill(0, torch.tensor([3]), 0.01)

    assert check.compare(Bent(operation, one_row_off), CPU) > check.LARGEST_DIFFERENCE


@pytest.mark.parametrize("operation", ["submanifold", "strided", "inverse"])
def test_a_wrong_gradient_alone_is_seen(operation):
    def same_but_for_its_gradient(found):
        return found.detach() + 1.001 * (found - found.detach())

    away = check.compare(Bent(operation, same_but_for_its_gradient), CPU)
    assert away > check.LARGEST_DIFFERENCE


def test_not_a_number_is_no_agreement():
    away = check.compare(Bent("strided", lambda found: found * float("nan")), CPU)
    assert check._complaint(away) != ""


def test_the_check_leaves_the_random_numbers_alone_and_works_where_gradients_are_off():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert check.compare(PLAIN, CPU) == 0
    assert torch.equal(torch.rand(1), expected)


def test_spconv_is_right_here_within_a_second():
    pytest.importorskip("spconv", reason="spconv is not installed")
    verdict = check.examine_spconv(CPU)
    assert verdict.complaint == "" and verdict.difference <= check.LARGEST_DIFFERENCE
    assert verdict.seconds < 1


def test_a_library_that_raises_is_told_with_its_first_line_and_nothing_else(monkeypatch, capsys):
    def fail(*_):
        print("debug", file=sys.stderr)  # noqa: T201
        raise RuntimeError("no kernel image\nlong explanation")

    monkeypatch.setattr(check, "compare", fail)
    pytest.importorskip("spconv", reason="spconv is not installed")
    assert check._here(CPU).complaint == "spconv fails: RuntimeError: no kernel image"
    assert capsys.readouterr().err == ""


def test_a_library_that_is_not_there_is_told_so(monkeypatch):
    monkeypatch.delitem(sys.modules, "hcfres.model.sparse.spconv_backend", raising=False)
    monkeypatch.setitem(sys.modules, "spconv", None)
    assert check._here(CPU).complaint == "spconv is not installed"


def _child(monkeypatch, code=0, stdout="", error=None):
    def run(command, **_):
        assert command[1:] == ["-m", "hcfres.model.sparse.check", "cuda:0"]
        if error:
            raise error
        return subprocess.CompletedProcess(command, code, stdout, "")

    monkeypatch.setattr(subprocess, "run", run)
    return check.examine_spconv(torch.device("cuda:0"))


def test_on_a_gpu_a_child_process_answers_and_its_death_is_an_answer_too(monkeypatch):
    told = {"difference": 2e-7, "seconds": 0.5, "complaint": ""}
    fine = _child(monkeypatch, stdout="a library's greeting\n" + json.dumps(told) + "\n")
    assert fine == check.Verdict(**told)
    assert _child(monkeypatch, code=-8).complaint == "spconv ends its process (SIGFPE) on cuda:0"
    assert "ends with 1" in _child(monkeypatch, code=1).complaint
    late = subprocess.TimeoutExpired("python", 1)
    assert _child(monkeypatch, error=late).complaint == "spconv hangs on cuda:0"


@pytest.mark.slow
def test_the_child_process_really_answers():
    pytest.importorskip("spconv", reason="spconv is not installed")
    verdict = check._in_child(CPU)
    assert verdict.complaint == "" and verdict.difference <= check.LARGEST_DIFFERENCE
