from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from hcfres.data.features import LiftingOperator, Superpoints
from hcfres.store.arrays import load_arrays, save_arrays
from hcfres.store.errors import StoreError

KINDS = ["bool", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4", ">i8"]


@dataclass(frozen=True)
class Pair:
    first: np.ndarray
    second: np.ndarray | None


arrays = hnp.arrays(
    st.sampled_from([np.dtype(kind) for kind in KINDS]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(first=arrays, second=st.none() | arrays, turned=st.booleans())
def test_what_is_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, first: np.ndarray, second: np.ndarray, turned: bool
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "it.safetensors"
    first = first.T[::-1] if turned and first.ndim else first
    save_arrays(path, Pair(first, second))
    back = load_arrays(path, Pair)
    np.testing.assert_array_equal(back.first, first)
    assert back.first.shape == first.shape
    assert back.first.dtype == first.dtype.newbyteorder("=")
    if second is None:
        assert back.second is None
    else:
        np.testing.assert_array_equal(back.second, second)


def test_any_reader_of_safetensors_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    save_arrays(path, Pair(np.eye(3, dtype=np.float32), np.arange(5)))
    found = load_file(path)
    np.testing.assert_array_equal(found["first"], np.eye(3, dtype=np.float32))
    np.testing.assert_array_equal(found["second"], np.arange(5))


def test_a_truncated_or_overlong_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    save_arrays(path, Pair(np.arange(100), None))
    whole = path.read_bytes()
    for broken in (b"", whole[:5], whole[:-1], whole + b"x", b"\xff" * 8 + whole[8:]):
        path.write_bytes(broken)
        with pytest.raises(StoreError, match="cannot be read"):
            load_arrays(path, Pair)


def test_another_classes_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    save_arrays(path, Superpoints(np.zeros(3, np.int64)))
    with pytest.raises(StoreError, match="is no LiftingOperator: it has labels"):
        load_arrays(path, LiftingOperator)


def test_a_missing_field_or_a_wrong_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    save_arrays(path, Pair(np.arange(3), None))
    path.write_bytes(path.read_bytes().replace(b"first", b"shape"))
    with pytest.raises(StoreError, match="is no LiftingOperator"):
        load_arrays(path, LiftingOperator)


def test_only_dataclasses_of_number_arrays_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    for wrong in (np.arange(3), {"a": np.arange(3)}, Pair(np.array(["a"]), None), Pair):
        with pytest.raises(StoreError, match="cannot be kept"):
            save_arrays(path, wrong)
    assert not path.exists()
