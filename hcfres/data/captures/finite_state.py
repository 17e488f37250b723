"""The finite-state code of LZFSE: tables of states, and the loops that run through them.

A stream of bits is read from its end backwards. In a state the table names a symbol, how many bits
to pull, and what to add to them for the next state; the symbols of lengths and distances carry a
base and further bits of their own.
"""

from typing import no_type_check

import numpy as np

from hcfres.geometry.kernel import kernel

_WIDTHS = (2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14)
_VALUES = (
    *(0, 2, 1, 4, 0, 3, 1, -1),
    *(0, 2, 1, 5, 0, 3, 1, -1),
    *(0, 2, 1, 6, 0, 3, 1, -1),
    *(0, 2, 1, 7, 0, 3, 1, -1),
)
"""Of the frequencies of up to 5 bits, by these bits."""
_FEW = tuple(range(16))
_EXTRA = (
    (0,) * 16 + (2, 3, 5, 8),
    (0,) * 16 + (3, 5, 8, 11),
    tuple(n // 4 for n in range(64)),
    (0,) * 256,
)
"""Bits of their own that the symbols of L, M, D and the literals carry."""
_BASES = (
    (*_FEW, 16, 20, 28, 60),
    (*_FEW, 16, 24, 56, 312),
    (0, *np.cumsum([1 << (n // 4) for n in range(63)]).tolist()),
    tuple(range(256)),
)


class FrequencyBits:
    """Frequencies of symbols as a block's head packs them, least significant bit first."""

    def __init__(self, packed: bytes) -> None:
        self._bits = int.from_bytes(packed, "little")
        self._left = 8 * len(packed)

    def take(self) -> int | None:
        """The next frequency, 0 where nothing is packed, None where the bytes end within one."""
        if self._left == 0:
            return 0
        low = self._bits & 31
        width = _WIDTHS[low & 15]
        if width > self._left:
            return None
        value = {8: 8 + ((self._bits >> 4) & 0xF), 14: 24 + ((self._bits >> 4) & 0x3FF)}.get(
            width, _VALUES[low]
        )
        self._bits >>= width
        self._left -= width
        return value


def states(frequencies: list[int], count: int, kind: int) -> np.ndarray:
    """The table of one code: a row a state, of bits to pull, what to add, own bits, and base."""
    rows = []
    for symbol, frequency in enumerate(frequencies):
        if frequency == 0:
            continue
        shift = count.bit_length() - frequency.bit_length()
        turn = ((2 * count) >> shift) - frequency
        own, base = _EXTRA[kind][symbol], _BASES[kind][symbol]
        for place in range(frequency):
            if place < turn:
                rows.append((shift, ((frequency + place) << shift) - count, own, base))
            else:
                rows.append((shift - 1, (place - turn) << (shift - 1), own, base))
    return np.array(rows or [(0, 0, 0, 0)] * count, np.int64)


@kernel
@no_type_check
def _pull(stream, end, width):
    """The `width` bits before bit `end`."""
    value = 0
    for bit in range(end - width, end):
        value |= ((np.int64(stream[bit >> 3]) >> (bit & 7)) & 1) << (bit - end + width)
    return value


@kernel
@no_type_check
def literals(stream, bits, held, table, found):
    """Fill `found` by four states in turn; False when the stream is too short."""
    for place in range(len(found)):
        row = table[held[place & 3]]
        if row[0] > bits:
            return False
        found[place] = row[3]
        held[place & 3] = row[1] + _pull(stream, bits, row[0])
        bits -= row[0]
        if held[place & 3] >= len(table) or held[place & 3] < 0:
            return False
    return True


@kernel
@no_type_check
def matches(stream, bits, held, tables, count, found, made, start, wanted):
    """Write runs of literals and repetitions to `made[start:]`; the bytes written, -1 if broken."""
    at, end, used = start, start + wanted, 0
    distance = 0
    sizes = np.zeros(3, np.int64)
    for _ in range(count):
        for kind in range(3):
            table = tables[kind]
            row = table[held[kind]]
            width = row[0] + row[2]
            if width > bits:
                return -1
            pulled = _pull(stream, bits, width)
            bits -= width
            held[kind] = row[1] + (pulled >> row[2])
            if held[kind] >= len(table) or held[kind] < 0:
                return -1
            sizes[kind] = row[3] + (pulled & ((1 << row[2]) - 1))
        if sizes[2] != 0:
            distance = sizes[2]
        run, repeat = sizes[0], sizes[1]
        if at + run + repeat > end or used + run > len(found):
            return -1
        for _ in range(run):
            made[at] = found[used]
            at += 1
            used += 1
        if repeat > 0 and (distance <= 0 or distance > at):
            return -1
        for _ in range(repeat):
            made[at] = made[at - distance]
            at += 1
    return at - start
