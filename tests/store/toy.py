"""A stage of no importance, for the tests of the store."""

from dataclasses import dataclass

import numpy as np

from hcfres.store.stage import Stage


@dataclass(frozen=True)
class Numbers:
    values: np.ndarray
    extra: np.ndarray | None = None


def make_numbers(count: int) -> Numbers:
    return Numbers(np.arange(count, dtype=np.float32))


STAGE = Stage("numbers", 1, Numbers, "hcfres.store.toml:write_toml")
"""Its maker is only fingerprinted here."""
EXPENSIVE = Stage("dear", 1, Numbers, "hcfres.store.toml:write_toml", expensive=True)
