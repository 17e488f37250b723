"""Weights out of a checkpoint that others wrote with `torch.save`; nothing in it is run.

The file is judged before it is read: its size, and that the lengths in its table of contents fit
into it. Then torch's own restricted reader takes it, which knows tensors and plain values only and
calls nothing that a file names. Tensors stay where they are on the disk until they are looked at.
"""

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hcfres.data.errors import DataError, too_many

LARGEST = 4 << 30
"""Bytes; IPDN's weights with the moments of its optimiser need less than 1 GB."""
_LARGEST_DIRECTORY = 16 << 20
_END = 98
"""Bytes at a zip archive's end that tell where its table of contents lies."""
_OLD = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that torch wrote before version 1.6."""
_WRAPPERS = ("model", "state_dict", "net")
"""Under which of these the weights lie, if they do not lie at the top."""
_AGAIN = "Get it again"
_PLAIN = (
    "Where you trust it, open it with the code that wrote it and save the table of its tensors "
    "alone with torch.save"
)


@dataclass(frozen=True)
class PublishedState:
    """A checkpoint's weights, by their names without `module.`."""

    tensors: Mapping[str, Tensor]
    others: tuple[str, ...]
    """What lies beside the weights: `meta`, `optimizer`."""


def read_checkpoint(path: Path) -> PublishedState:
    """Read the weights of a checkpoint: those under `model`, `state_dict` or `net`, or at the top.

    Raises:
        DataError: missing, too large, cut off or damaged; it would have to run code to be read; or
            it holds something other than dense tensors where the weights should be.
    """
    try:
        mapped = _judged(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(path, "there is no such file") from None
    except pickle.UnpicklingError as error:
        raise DataError(path, _refusal(error), _PLAIN) from None
    except Exception as error:  # torch's reader ends in any kind, its bare asserts among them
        raise DataError(path, f"damaged ({_line(error)})", _AGAIN) from None
    return _weights(path, content)


def _judged(path: Path) -> bool:
    """Whether the file is a zip archive, whose members can be mapped; False for the older kind."""
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(path, f"{size} bytes are more than the {LARGEST} that are read", _AGAIN)
    with path.open("rb") as file:
        begin = file.read(len(_OLD))
        file.seek(max(size - _END, 0))
        end = file.read().rjust(_END, b"\0")
    if begin == _OLD:
        return False
    if not begin.startswith(b"PK\3\4"):
        raise DataError(path, "this is no file of torch.save", "Name the authors' .pth file")
    if end[-22:-18] != b"PK\5\6":
        raise DataError(path, "it ends early: its table of contents is missing", _AGAIN)
    length = struct.unpack("<I", end[-10:-6])[0]
    if end[:4] == b"PK\6\6" and end[-42:-38] == b"PK\6\7":
        length = struct.unpack("<Q", end[40:48])[0]
    if length > min(size, _LARGEST_DIRECTORY):
        raise DataError(path, f"its table of contents has {length} bytes", _AGAIN)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(item.compress_type != zipfile.ZIP_STORED for item in members):
        raise DataError(path, "its members are compressed, which torch.save never does", _AGAIN)
    if sum(item.file_size for item in members) > size:
        raise DataError(path, "it announces more bytes than it has", _AGAIN)
    return True


def _refusal(error: Exception) -> str:
    """Why torch's restricted reader gave up: what was asked for, not torch's advice to run it."""
    told = str(error)
    if named := re.search(r"GLOBAL (\S+)", told):
        asks = f"it asks for `{named[1][:100]}`, which no tensor needs"
        return f"{asks}, and reading it could run code; nothing in it was run"
    return f"damaged ({_line(error)})"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _weights(path: Path, content: Any) -> PublishedState:
    others: tuple[str, ...] = ()
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            others = tuple(str(name)[:100] for name in content if name != key)
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        told = f"it holds {type(content).__name__} where a table of tensors should be"
        raise DataError(path, told, _PLAIN)
    wrong = [
        f"{str(name)[:100]} {told}" for name, v in content.items() if (told := _wrong(name, v))
    ]
    if wrong:
        raise DataError(path, f"it holds more than plain tensors: {too_many(wrong, 5)}", _PLAIN)
    tensors = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    if len(tensors) != len(content):
        raise DataError(path, "names come twice, with and without `module.`", _PLAIN)
    return PublishedState(tensors, others)


def _wrong(name: Any, value: Any) -> str:
    """What speaks against an entry being a named dense tensor; nothing if it is empty."""
    if not isinstance(name, str):
        return "is no name"
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}"
    if value.is_nested:
        return "is a nested tensor"
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        return f"is a tensor of {value.dtype}, {value.layout}"
    if value.device.type != "cpu":
        return f"is a tensor without numbers ({value.device.type})"
    return ""
