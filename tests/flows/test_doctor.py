"""What the doctor says of sparse convolution."""

import pytest

from flows.doctor import _sparse_convolution
from hcfres.model.sparse import choice
from hcfres.model.sparse.check import Verdict


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    choice._chosen.cache_clear()
    yield
    choice._chosen.cache_clear()


def test_a_library_that_is_right_is_named_with_what_was_measured(monkeypatch):
    pytest.importorskip("spconv", reason="spconv is not installed")
    monkeypatch.setattr(choice, "examine_spconv", lambda _: Verdict(3e-7, 0.21, ""))
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("spconv ") and "3e-07" in finding.found
    assert finding.advice == ""


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(None, 3.0, "spconv ends its process (SIGFPE) on cuda:0"),
        Verdict(0.5, 0.1, "spconv differs from plain torch by 5e-01 of the largest value"),
        Verdict(None, 0.0, "spconv is not installed"),
    ],
)
def test_where_spconv_is_not_used_the_reason_and_the_override_are_named(monkeypatch, verdict):
    monkeypatch.setattr(choice, "examine_spconv", lambda _: verdict)
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("plain torch ")
    assert verdict.complaint in finding.advice and choice.VARIABLE in finding.advice


def test_what_the_environment_asks_for_is_named(monkeypatch):
    monkeypatch.setenv(choice.VARIABLE, "plain")
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("plain torch ")
    assert finding.advice == f"{choice.VARIABLE} is plain: not checked"
