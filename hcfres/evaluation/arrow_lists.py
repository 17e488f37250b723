"""Lists of an Arrow table as numpy arrays: what they hold, how much, and whose it is."""

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

Column: TypeAlias = pa.ChunkedArray | pa.Array


def array(column: Column) -> np.ndarray:
    """A flat column; null numbers are NaN."""
    if isinstance(column, pa.Array):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(column.to_numpy())


def values(lists: Column) -> np.ndarray:
    """What all lists hold, one after the other."""
    return array(pc.list_flatten(lists))


def lengths(lists: Column) -> Int64[np.ndarray, " lists"]:
    """How many values each list has."""
    return array(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)


def owners(lists: Column) -> Int64[np.ndarray, " values"]:
    """The list that each value is of."""
    return array(pc.list_parent_indices(lists)).astype(np.int64)


def sums(lists: Column) -> Int64[np.ndarray, " lists"]:
    """The sum of each list of whole numbers."""
    upto = np.concatenate(([0], np.cumsum(values(lists), dtype=np.int64)))
    last = np.cumsum(lengths(lists))
    return upto[last] - upto[last - lengths(lists)]


def starts(owner: Int64[np.ndarray, " values"], rows: int) -> Int64[np.ndarray, " bounds"]:
    """Where the values of each row begin, and one past the last; `owner` ascends."""
    return np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=rows))))
