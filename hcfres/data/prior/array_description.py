"""The arrays that a pickle describes, made without running it.

A pickle is a short program for a stack machine: it names functions and says what they are to be
called with. An unpickler looks such names up and calls them. Here a name is only compared with the
few that numpy arrays and torch tensors are made of, each of which means a method below; any other
is refused, and nothing outside this file is ever called.
"""

import math
import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hcfres.data.errors import DataError

_MOST_STEPS = 4096
_MOST_AXES = 8
_SENSELESS = (
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    struct.error,
)
"""What steps end in that were never written by a pickler."""
_STORAGES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}


class DescriptionError(ValueError):
    """A description that asks for something other than arrays, or makes no sense, and where."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason


@runtime_checkable
class Members(Protocol):
    """Where the numbers of tensors lie; what is wrong there is a DataError."""

    def size(self, name: str) -> int | None:
        """Bytes of a member; None where there is none."""
        ...

    def read(self, name: str) -> bytes:
        """A member's content."""
        ...


def described_arrays(description: bytes, members: Members, budget: int) -> tuple[np.ndarray, ...]:
    """Return the arrays of a tuple or list in order, or the only one.

    Args:
        description: a pickle of protocol 2 or 3.
        members: of the archive that the description belongs to.
        budget: bytes that all arrays may have together, and all the text they come from.

    Raises:
        DescriptionError: something other than arrays of numbers, lengths that do not fit, or
            steps that make no sense.
    """
    content = _Machine(members, budget).run(description)
    items = content if isinstance(content, tuple | list) else (content,)
    made = [item.content if isinstance(item, _Array) else item for item in items]
    found = tuple(item for item in made if isinstance(item, np.ndarray))
    if len(found) != len(made):
        others = {type(item).__name__ for item in made if not isinstance(item, np.ndarray)}
        told = f"it holds {', '.join(sorted(others))[:100]} where arrays should be"
        raise DescriptionError("at its end", told)
    return found


@dataclass(frozen=True)
class _Name:
    """A function or class that the description names."""

    text: str


@dataclass
class _Kind:
    """A numpy dtype in the making."""

    code: str


@dataclass
class _Array:
    """A numpy array in the making."""

    content: np.ndarray | None = None


class _Mark:
    """Where a tuple or a list begins on the stack."""


class _Machine:
    """The stack on which the steps are taken, our methods standing for what they name."""

    def __init__(self, members: Members, budget: int) -> None:
        self.members, self.budget = members, budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, description: bytes) -> Any:
        """What is left on the stack at the end."""
        number = 0
        try:
            for number, (step, argument, _) in enumerate(pickletools.genops(description), 1):
                if number > _MOST_STEPS:
                    raise ValueError("so many steps, where a few arrays need a hundred")
                if step.name == "STOP":
                    return self.stack.pop()
                if step.name not in _STEPS:
                    raise ValueError(f"{step.name} is none of the steps that make arrays")
                _STEPS[step.name](self, argument)
            raise ValueError("it does not end")
        except DataError:
            raise
        except ValueError as error:
            raise DescriptionError(f"step {number}", str(error)[:300]) from None
        except _SENSELESS as error:
            told = f"this makes no sense ({str(error)[:200]})"
            raise DescriptionError(f"step {number}", told) from None

    def name(self, text: str) -> None:
        """A name, written "module function"."""
        if text not in _STORAGES and text not in _MEANINGS and text != "numpy ndarray":
            reason = f"it asks for `{text.replace(' ', '.')[:100]}`, which no array needs"
            raise ValueError(f"{reason}; nothing in it was run")
        self.stack.append(_Name(text))

    def keep(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def recall(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def collect(self) -> list[Any]:
        """Take off the stack what lies above the last mark."""
        marks = [place for place, item in enumerate(self.stack) if isinstance(item, _Mark)]
        items, self.stack[marks[-1] :] = self.stack[marks[-1] + 1 :], []
        return items

    def group(self, length: int) -> None:
        items = [self.stack.pop() for _ in range(length)]
        self.stack.append(tuple(reversed(items)))

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError("only lists grow")
        self.stack[-1].extend(items)

    def call(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or called.text not in _MEANINGS:
            raise TypeError("something is called that makes no array")
        self.stack.append(_MEANINGS[called.text](self, *arguments))

    def build(self) -> None:
        """Complete one of numpy's dtypes or arrays with its state."""
        state, begun = self.stack.pop(), self.stack[-1]
        if isinstance(begun, _Kind):
            _, order, *more = state
            if order not in ("<", ">", "|", "=") or any(item is not None for item in more[:3]):
                raise ValueError("it holds arrays of records")
            begun.code = order.replace("=", "<") + begun.code.lstrip("<>|=")
        elif isinstance(begun, _Array):
            begun.content = self.filled(*state)
        else:
            raise TypeError("only arrays and their types have a state")

    def spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise ValueError("it describes more numbers than the file holds")

    def encoded(self, text: str, coding: str) -> bytes:
        """Bytes, which protocol 2 writes as text."""
        if coding != "latin1":
            raise ValueError("it holds bytes in another coding than latin1")
        self.spend(len(text))
        return text.encode("latin-1")

    def begun(self, kind: Any, *_: Any) -> _Array:
        if kind != _Name("numpy ndarray"):
            raise ValueError("it holds other arrays than numpy's plain ones")
        return _Array()

    def filled(
        self, _: Any, shape: tuple[int, ...], kind: _Kind, by_column: bool, raw: bytes
    ) -> np.ndarray:
        """A numpy array from its bytes."""
        found = np.dtype(kind.code)
        if _length(shape) * found.itemsize != len(raw):
            reason = f"an array of shape {shape} has {len(raw)} bytes"
            raise ValueError(f"{reason}, not {found.itemsize} for each number")
        return _numbers(raw, found).reshape(shape, order="F" if by_column else "C")

    def stored(self) -> None:
        """The numbers of a tensor, which are a member of the archive."""
        what, kind, key, _place, count = self.stack.pop()
        if what != "storage" or not isinstance(key, str) or not isinstance(count, int):
            raise ValueError("it names a tensor's numbers in an unknown way")
        found, name = np.dtype(_STORAGES[kind.text]), f"data/{key}"
        size = self.members.size(name)
        if size != count * found.itemsize:
            reason = f"{name[:60]} has {size} bytes" if size is not None else f"no {name[:60]}"
            raise ValueError(f"{reason} for {count} numbers of type {found}")
        self.spend(size)
        self.stack.append(_numbers(self.members.read(name), found))

    def tensor(
        self, numbers: np.ndarray, offset: int, size: Any, stride: Any, *_: Any
    ) -> np.ndarray:
        """A tensor from its numbers, in C order."""
        count = _length(size)
        self.spend(count * numbers.itemsize)
        if not count:
            return np.zeros(size, numbers.dtype)
        _length(stride)
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if offset < 0 or last >= len(numbers):
            raise ValueError(f"a tensor reaches from number {offset} to {last} of {len(numbers)}")
        steps = [numbers.itemsize * s for s in stride]
        return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps).copy()


def _numbers(raw: bytes, kind: np.dtype) -> np.ndarray:
    return np.frombuffer(raw, kind) if raw else np.zeros(0, kind)


def _kind(_: _Machine, code: Any, *__: Any) -> _Kind:
    if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?([fiu][1248]|b1)", code):
        raise ValueError("it holds arrays of something other than numbers")
    return _Kind(code)


def _length(shape: Any) -> int:
    """How many numbers a shape has; also what strides must look like."""
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        raise ValueError("an array's shape is none")
    if any(type(axis) is not int or axis < 0 for axis in shape):
        raise ValueError("an array's shape is not of whole numbers")
    return math.prod(shape)


_MEANINGS: dict[str, Callable[..., Any]] = {
    "_codecs encode": _Machine.encoded,
    "numpy.core.multiarray _reconstruct": _Machine.begun,
    "numpy._core.multiarray _reconstruct": _Machine.begun,
    "numpy dtype": _kind,
    "torch._utils _rebuild_tensor_v2": _Machine.tensor,
    "collections OrderedDict": lambda _: None,  # a tensor's hooks: there are none
    "__builtin__ bytes": lambda _: b"",
    "builtins bytes": lambda _: b"",
}

_CONSTANTS = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES")
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "MARK": lambda machine, _: machine.stack.append(_Mark()),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    **dict.fromkeys(_CONSTANTS, lambda machine, value: machine.stack.append(value)),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.keep),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.recall),
    "GLOBAL": _Machine.name,
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.collect())),
    "TUPLE1": lambda machine, _: machine.group(1),
    "TUPLE2": lambda machine, _: machine.group(2),
    "TUPLE3": lambda machine, _: machine.group(3),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.collect()),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.stored(),
}
