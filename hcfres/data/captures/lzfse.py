"""LZFSE streams, as iPhones compress depth: matches and literals, each in a finite-state code.

Blocks follow each other, each with its magic: `bvx-` stored, `bvx2` compressed, `bvx$` the end.
The blocks `bvx1` and `bvxn`, which occur in small buffers only, are not read.
"""

import struct
from dataclasses import dataclass

import numpy as np

from hcfres.data.captures.finite_state import FrequencyBits, literals, matches, states
from hcfres.data.errors import DataError

_RAW = struct.Struct("<4sI")
_HEAD = struct.Struct("<4sI3Q")
_AGAIN = "Export the recording again"
_SYMBOLS = (20, 20, 64, 256)
"""Of the lengths of literal runs (L), of matches (M), of distances (D), and of the literals."""
_STATES = (64, 64, 256, 1024)
_MOST_LITERALS = 40000
_MOST_MATCHES = 10000


@dataclass(frozen=True)
class _Head:
    """The fixed fields of a compressed block."""

    raw_bytes: int
    literals: int
    literal_bytes: int
    literal_bits: int
    literal_states: tuple[int, ...]
    matches: int
    match_bytes: int
    match_bits: int
    match_states: tuple[int, ...]
    size: int

    @property
    def end(self) -> int:
        """Bytes of the whole block."""
        return self.size + self.literal_bytes + self.match_bytes


def expand(place: str, content: bytes, wanted: int) -> bytes:
    """The `wanted` bytes that a stream was made of; never more memory than that, and some tables.

    Raises:
        DataError: `place` is named: no such stream, broken, or of another length.
    """
    made = np.zeros(wanted, np.uint8)
    at = length = 0
    while content[at : at + 4] != b"bvx$":
        magic, raw = _RAW.unpack(_taken(place, content, at, _RAW.size))
        if magic not in (b"bvx-", b"bvx2"):
            reason = f"no LZFSE stream of {wanted} bytes: found {magic!r} at byte {at}"
            raise DataError(place, reason, _AGAIN)
        if length + raw > wanted:
            raise DataError(place, f"the stream holds more than {wanted} bytes", _AGAIN)
        if magic == b"bvx-":
            payload = _taken(place, content, at + _RAW.size, raw)
            made[length : length + raw] = np.frombuffer(payload, np.uint8)
            at += _RAW.size + raw
        else:
            at += _compressed(place, content, at, made, length)
        length += raw
    if length != wanted:
        raise DataError(place, f"the stream holds {length} bytes, not {wanted}", _AGAIN)
    return made.tobytes()


def _compressed(place: str, content: bytes, at: int, made: np.ndarray, length: int) -> int:
    """Expand the block at `at` to `made[length:]`; return how long the block is."""
    head = _head(place, content, at)
    block = np.frombuffer(_taken(place, content, at, head.end), np.uint8)
    tables = _tables(place, block[_HEAD.size : head.size])
    start = head.size + head.literal_bytes
    runs, found = block[head.size : start], np.zeros(head.literals, np.uint8)
    bits = 8 * len(runs) - head.literal_bits
    held = np.array(head.literal_states, np.int64)
    if not literals(runs, bits, held, tables[3], found):
        raise DataError(place, "the stream's literals are broken", _AGAIN, f"byte {at}")
    lengths = block[start:]
    bits = 8 * len(lengths) - head.match_bits
    held = np.array(head.match_states, np.int64)
    filled = matches(
        lengths, bits, held, tables[:3], head.matches, found, made, length, head.raw_bytes
    )
    if filled != head.raw_bytes:
        raise DataError(place, "the stream's matches are broken", _AGAIN, f"byte {at}")
    return head.end


def _head(place: str, content: bytes, at: int) -> _Head:
    _, raw, first, second, third = _HEAD.unpack(_taken(place, content, at, _HEAD.size))
    head = _Head(
        raw_bytes=raw,
        literals=_field(first, 0, 20),
        literal_bytes=_field(first, 20, 20),
        literal_bits=7 - _field(first, 60, 3),
        literal_states=tuple(_field(second, 10 * n, 10) for n in range(4)),
        matches=_field(first, 40, 20),
        match_bytes=_field(second, 40, 20),
        match_bits=7 - _field(second, 60, 3),
        match_states=tuple(_field(third, 32 + 10 * n, 10) for n in range(3)),
        size=_field(third, 0, 32),
    )
    inside = all(s < n for s, n in zip(head.match_states, _STATES, strict=False))
    few = head.literals <= _MOST_LITERALS and head.matches <= _MOST_MATCHES
    if not (inside and few and head.size >= _HEAD.size and head.literals % 4 == 0):
        raise DataError(place, "the head of a block is broken", _AGAIN, f"byte {at}")
    return head


def _field(word: int, start: int, bits: int) -> int:
    return (word >> start) & ((1 << bits) - 1)


def _tables(place: str, packed: np.ndarray) -> tuple[np.ndarray, ...]:
    """The decoding tables of L, M, D and the literals."""
    reader = FrequencyBits(packed.tobytes())
    tables = []
    for kind, (symbols, count) in enumerate(zip(_SYMBOLS, _STATES, strict=True)):
        frequencies = [reader.take() for _ in range(symbols)]
        if None in frequencies or sum(f or 0 for f in frequencies) not in (0, count):
            raise DataError(place, "the stream's frequencies are broken", _AGAIN)
        tables.append(states([f or 0 for f in frequencies], count, kind))
    return tuple(tables)


def _taken(place: str, content: bytes, start: int, count: int) -> bytes:
    found = content[start : start + count]
    if len(found) != count:
        reason = f"the stream ends after {len(content)} bytes, inside a block"
        raise DataError(place, reason, _AGAIN)
    return found
