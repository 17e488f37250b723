"""Run lengths and 8-bit logits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hcfres.evaluation.runs import decode_logits, decode_runs, encode_logits, encode_runs


def test_runs_begin_outside():
    assert encode_runs(np.array([0, 0, 1, 1, 1, 0], dtype=bool)).tolist() == [2, 3, 1]
    assert encode_runs(np.array([1, 0], dtype=bool)).tolist() == [0, 1, 1]


@given(hnp.arrays(bool, st.integers(0, 50)))
def test_a_mask_comes_back_from_its_runs(mask):
    assert np.array_equal(decode_runs(encode_runs(mask)), mask)


@given(hnp.arrays(np.float32, 20, elements=st.floats(-40, 40, width=32)))
def test_eight_bits_keep_the_side_of_every_sixteenth(logits):
    kept = decode_logits(encode_logits(logits))
    for threshold in (-1.5, -1 / 16, 0.0, 1 / 16, 2.0):
        assert np.array_equal(kept >= threshold, logits >= threshold)


def test_logits_beyond_eight_are_clipped():
    assert decode_logits(encode_logits(np.array([-100.0, 100.0]))).tolist() == [-8, 7.9375]
