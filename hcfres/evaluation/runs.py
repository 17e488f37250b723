"""Masks as run lengths, and logits in eight bits: how predictions are kept on the disk."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

LOGIT_STEP = 1 / 16
"""One unit of an 8-bit logit; code q stands for [(q - 128) / 16, (q - 127) / 16)."""

_ZERO_CODE = 128


def encode_runs(mask: Bool[np.ndarray, " points"]) -> np.ndarray:
    """Lengths of the runs of equal values, beginning with the (perhaps empty) run of False."""
    changes = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    lengths = np.diff(np.concatenate(([0], changes, [mask.size])))
    starts_true = mask.size > 0 and bool(mask[0])
    return np.concatenate(([0] if starts_true else [], lengths)).astype(np.uint32)


def decode_runs(runs: Sequence[int] | np.ndarray) -> Bool[np.ndarray, " points"]:
    """The mask whose `encode_runs` is `runs`."""
    lengths = np.asarray(runs, dtype=np.int64)
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


def encode_logits(logits: Float[np.ndarray, " superpoints"]) -> UInt8[np.ndarray, " superpoints"]:
    """Round down to sixteenths within [-8, 8): the side of every multiple of 1/16 is kept."""
    codes = np.floor(logits / LOGIT_STEP) + _ZERO_CODE
    return np.clip(codes, 0, 255).astype(np.uint8)


def decode_logits(codes: UInt8[np.ndarray, " superpoints"]) -> Float[np.ndarray, " superpoints"]:
    """The lower end of what each code stands for."""
    return (codes.astype(np.float64) - _ZERO_CODE) * LOGIT_STEP
