"""Medians, percentiles and budgets of repeats."""

import time

import pytest
import torch

from hcfres.evaluation.cost.times import Budget, timed, times_of


def test_the_95th_percentile_lies_between_repeats():
    found = times_of([n / 1000 for n in range(1, 22)])
    assert found.median_ms == pytest.approx(11)
    assert found.p95_ms == pytest.approx(20)
    assert found.repeats == 21


def test_one_repeat_is_its_own_median():
    found = times_of([0.25])
    assert (found.median_ms, found.p95_ms, found.repeats) == (250, 250, 1)


def test_repeats_end_with_their_number():
    assert list(Budget(repeats=4, seconds=60.0).turns()) == [0, 1, 2, 3]


def test_repeats_end_with_the_time_but_not_before_the_least():
    assert list(Budget(repeats=9, seconds=0.0, least=2).turns()) == [0, 1]


def test_work_is_timed_to_its_end():
    assert timed(lambda: time.sleep(0.02), torch.device("cpu")) >= 0.02
