"""Accuracies by group."""

import numpy as np
import pytest

from hcfres.evaluation.groups import group_metrics

TYPES = ["zt_w_d", "zt_wo_d", "zt_wo_d", "st_w_d", "st_wo_d", "mt", "mt"]
IOUS = np.array([0.0, 1.0, 1.0, 0.3, 0.9, 0.5, 0.1])
NOTHING = np.array([False, True, True, False, False, False, False])


def test_each_group_averages_its_own_expressions():
    groups = group_metrics(TYPES, IOUS, NOTHING).groups
    assert groups["zt"].miou == pytest.approx(2 / 3)
    assert groups["zt_wo_d"].acc_25 == 1
    assert groups["st"].acc_25 == 1
    assert groups["st"].acc_50 == 0.5
    assert groups["mt"].acc_50 == 0
    assert groups["with_target"].count == 4
    assert groups["with_target"].nothing == 0
    assert groups["zt"].nothing == pytest.approx(2 / 3)
    assert groups["all"].count == 7
    assert groups["all"].miou == pytest.approx(3.8 / 7)
    assert groups["all"].nothing == pytest.approx(2 / 7)


def test_an_empty_group_is_left_out_of_the_flat_numbers():
    flat = group_metrics(["mt"], np.array([0.6]), np.array([False])).flat()
    assert flat["mt/acc_50"] == 1
    assert flat["all/miou"] == 0.6
    assert not any(name.startswith("zt") for name in flat)


def test_an_unknown_type_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown eval_type unique; known are zt_w_d"):
        group_metrics(["unique"], np.zeros(1), np.zeros(1, dtype=bool))
