import subprocess
import sys

import pytest
import torch

from hcfres.config.loading import ConfigError
from hcfres.model.sparse import choice
from hcfres.model.sparse.check import Verdict
from hcfres.model.sparse.plain import PLAIN

CPU = torch.device("cpu")
WITHOUT_SPCONV = """
import sys
sys.modules["spconv"] = None
import torch
from hcfres.model.backbone import SparseUNet
from hcfres.model import build, network
from hcfres.model.sparse.choice import choose
assert choose(torch.device("cpu")).reason == "spconv is not installed"
network = SparseUNet(6, 4, 3)
voxels = torch.randint(9, (50, 3))
points = network(voxels, torch.randn(50, 6), torch.zeros(50, dtype=torch.long), 1)
points.sum().backward()
assert points.shape == (50, 4)
"""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    choice._chosen.cache_clear()
    yield
    choice._chosen.cache_clear()


def _verdict(monkeypatch, verdict):
    asked = []
    monkeypatch.setattr(choice, "examine_spconv", lambda device: asked.append(device) or verdict)
    return asked


def test_spconv_is_taken_where_it_is_right_and_asked_once(monkeypatch):
    pytest.importorskip("spconv", reason="spconv is not installed")
    asked = _verdict(monkeypatch, Verdict(1e-7, 0.1, ""))
    first, second = choice.choose(CPU), choice.choose(CPU)
    assert first is second and asked == [CPU]
    assert first.backend.name.startswith("spconv ") and first.reason == ""


def test_plain_torch_is_taken_where_spconv_is_not_and_says_why_once(monkeypatch, caplog):
    _verdict(monkeypatch, Verdict(None, 0.1, "spconv ends its process (SIGFPE) on cuda:0"))
    for _ in range(2):
        found = choice.choose(torch.device("cuda:0"))
    assert found.backend is PLAIN and "SIGFPE" in found.reason
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "SIGFPE" in caplog.text and "plain torch" in caplog.text


def test_a_device_that_spconv_does_not_know_needs_no_check(monkeypatch):
    asked = _verdict(monkeypatch, Verdict(0.0, 0.1, ""))
    found = choice.choose(torch.device("mps"))
    assert found.backend is PLAIN and "mps" in found.reason and asked == []


@pytest.mark.parametrize("name", ["plain", "spconv"])
def test_the_environment_decides_without_a_check(monkeypatch, name):
    if name == "spconv":
        pytest.importorskip("spconv", reason="spconv is not installed")
    asked = _verdict(monkeypatch, Verdict(None, 0.1, "no"))
    monkeypatch.setenv(choice.VARIABLE, name)
    found = choice.choose(CPU)
    assert found.backend.name.startswith(name) and asked == []
    assert choice.VARIABLE in found.reason and found.verdict is None


def test_an_unknown_name_and_a_library_that_is_not_there_are_errors(monkeypatch):
    monkeypatch.setenv(choice.VARIABLE, "dense")
    with pytest.raises(ConfigError, match="'dense'; it may be auto, spconv, plain"):
        choice.choose(CPU)
    monkeypatch.setenv(choice.VARIABLE, "spconv")
    monkeypatch.delitem(sys.modules, "hcfres.model.sparse.spconv_backend", raising=False)
    monkeypatch.setitem(sys.modules, "spconv", None)
    with pytest.raises(ConfigError, match="cannot be imported"):
        choice.choose(CPU)


def test_on_a_machine_without_spconv_the_network_runs():
    subprocess.run([sys.executable, "-c", WITHOUT_SPCONV], check=True)


@pytest.mark.gpu
def test_on_a_gpu_the_choice_is_right():
    from hcfres.model.sparse.check import LARGEST_DIFFERENCE, compare  # noqa: PLC0415

    device = torch.device("cuda")
    assert compare(choice.choose(device).backend, device) <= LARGEST_DIFFERENCE
    assert compare(PLAIN, device) == 0
