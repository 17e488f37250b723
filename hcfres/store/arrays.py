"""Dataclasses of numpy arrays as safetensors files: field name = tensor name."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from hcfres.store.errors import StoreError
from hcfres.store.files import replacing

V = TypeVar("V")

_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "uint16": "U16",
    "float16": "F16",
    "int32": "I32",
    "uint32": "U32",
    "float32": "F32",
    "float64": "F64",
    "int64": "I64",
    "uint64": "U64",
}
_ALIGNMENT = 8


def save_arrays(path: Path, value: Any) -> None:
    """Write a dataclass of arrays, at once or not at all; a field that is None is left out.

    Raises:
        StoreError: the disk is full, or a field is no array of numbers.
    """
    arrays = _arrays_of(value)
    header: dict[str, Any] = {}
    place = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % _ALIGNMENT)
    with replacing(path) as write:
        write(len(told).to_bytes(8, "little") + told)
        for array in arrays.values():
            write(array.reshape(-1).view(np.uint8).data)


def load_arrays(path: Path, kind: type[V]) -> V:
    """Read a file of `save_arrays` back as a `kind`.

    Raises:
        StoreError: the file is missing or broken, or holds another class's fields.
    """
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise StoreError(f"{path} cannot be read: {_quoted(str(error))}") from error
    wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(arrays.keys() - wanted):
        raise StoreError(f"{path} is no {kind.__name__}: it has {_quoted(', '.join(unknown))}")
    absent: Mapping[str, None] = dict.fromkeys(wanted - arrays.keys())
    try:
        return kind(**arrays, **absent)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} is no {kind.__name__}: {_quoted(str(error))}") from error


def _quoted(text: str) -> str:
    """What a file made somebody say: its beginning, and nothing that a terminal would obey."""
    return text[:500].encode("unicode_escape").decode()


def _arrays_of(value: Any) -> dict[str, np.ndarray]:
    if not is_dataclass(value) or isinstance(value, type):
        raise StoreError(f"a {type(value).__name__} cannot be kept: only dataclasses of arrays can")
    arrays: dict[str, np.ndarray] = {}
    for field in fields(value):
        array = getattr(value, field.name)
        if array is None:
            continue
        if not isinstance(array, np.ndarray) or array.dtype.name not in _DTYPES:
            what = getattr(array, "dtype", type(array).__name__)
            raise StoreError(f"{type(value).__name__}.{field.name} cannot be kept: it is {what}")
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        arrays[field.name] = np.asarray(little, order="C")
    return arrays
