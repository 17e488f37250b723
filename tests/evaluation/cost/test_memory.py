"""Peaks of memory."""

import pytest
import torch

from hcfres.evaluation.cost import memory
from hcfres.evaluation.cost.memory import Gauge, Memory

CPU = torch.device("cpu")
FLOATS = 25_000_000
"""A hundred megabytes of them."""
KILOBYTE = 1024


def test_what_is_let_go_again_counts_as_peak():
    found = Gauge(CPU).memory_of(lambda: torch.ones(FLOATS))
    assert found is not None
    assert 90 < found.growth_mb < 130


def test_growth_is_counted_from_when_the_gauge_was_made():
    gauge = Gauge(CPU)
    kept = torch.ones(FLOATS)
    found = gauge.memory_of(kept.sum)
    assert found is not None
    assert found.growth_mb > 90


def test_room_that_others_left_in_the_heap_is_no_room_for_the_work():
    crumbs = [bytes(KILOBYTE + step % 2) for step in range(150_000)]
    above = crumbs[-100:]  # keeps the heap from shrinking
    crumbs.clear()
    found = Gauge(CPU).memory_of(lambda: torch.ones(FLOATS))
    assert found is not None
    assert found.growth_mb > 90
    assert len(above) == 100


def test_growth_is_peak_less_what_was_there():
    assert Memory(before_mb=900.0, peak_mb=1250.0).growth_mb == 350


def test_a_system_that_does_not_tell_is_no_zero(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "none" / "clear_refs")
    done = []
    assert Gauge(CPU).memory_of(lambda: done.append(1)) is None
    assert done == [1]


@pytest.mark.gpu
def test_a_gpu_tells_its_own_peak():
    device = torch.device("cuda")
    found = Gauge(device).memory_of(lambda: torch.ones(FLOATS, device=device))
    assert found is not None
    assert found.growth_mb == pytest.approx(100, abs=3)
