"""How a file is damaged: bytes, lines, numbers, JSON values, and what a format adds of its own."""

import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.format import Format, Seed

LARGEST = 1 << 18
"""Bytes of a damaged file; what becomes longer is cut."""

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = (
    b"-1", b"0", b"1", b"2", b"3", b"4", b"255", b"256", b"65535", b"2147483647", b"2147483648",
    b"4294967295", b"4294967296", b"9223372036854775808", b"99999999999999999999", b"1e999",
    b"-1e999", b"1e308", b"1e-400", b"nan", b"NaN", b"-inf", b"Infinity", b"-0", b"0.5", b"0x10",
    b"1_0", b"1e", b"--1", b"1.2.3", b"", b"\xd9\xa1", b"\x00", b"9" * 5000, b"1 1", b"../../x",
    b"/tmp/x", b"\xff", b"\xf0\x9f\xaa\x91", b"\x1b[2J", b"true", b"null", b'"', b"\\", b"\n",
    b"\r", b"\t", b"=", b"#",
)  # fmt: skip
_INTEGERS = (
    0, 1, 2, 3, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-40, 1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 2**31, 2**32, 2**63, 10**400, 1e308, float("nan"),
    float("inf"), "", "0", "-1", "nan", "1_0", "\x00", "\ud800", "../../x", "/tmp/x", "x" * 10_000,
    [], {}, [[]], [0], {"a": 1}, "scene0000_00", "mt", [0, 0],
)  # fmt: skip


def damage(kind: Format, seed: Seed, seeds: tuple[Seed, ...], rng: Random) -> tuple[bytes, str]:
    """One to three changes of a seed's content, and their names."""
    content, names = seed.content, []
    ways = _ways(kind)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3))):
        way = rng.choice(ways)
        if way is splice:
            content = splice(content, rng.choice(seeds).content, rng)
        else:
            content = way(content, rng)
        names.append(way.__name__)
        content = content[:LARGEST]
    return content, "+".join(names)


def _ways(kind: Format) -> list[Callable[..., bytes]]:
    ways: list[Callable[..., bytes]] = [
        flip_bits, flip_bits, overwrite, truncate, delete, duplicate, insert, splice,
    ]  # fmt: skip
    if kind.kind == "binary":
        ways += [overwrite_number, overwrite_number, overwrite_number]
    else:
        ways += [replace_number, replace_number, replace_number, replace_word, change_lines]
    if kind.kind == "json":
        ways += [edit_json, edit_json, edit_json, edit_json, nest]
    return ways + list(kind.edits) * 3


def _span(content: bytes, rng: Random, longest: int = 2048) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(longest ** rng.random()))


def flip_bits(content: bytes, rng: Random) -> bytes:
    """One to eight bits the other way."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if content else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, rng: Random) -> bytes:
    """A run of bytes of one value, or of any."""
    start, stop = _span(content, rng)
    count = stop - start
    filled = rng.choice((b"\x00" * count, b"\xff" * count, b"0" * count, rng.randbytes(count)))
    return content[:start] + filled + content[stop:]


def truncate(content: bytes, rng: Random) -> bytes:
    """Only the beginning, or now and then only the end."""
    cut = rng.randrange(len(content) + 1)
    return content[:cut] if rng.random() < 0.8 else content[cut:]


def delete(content: bytes, rng: Random) -> bytes:
    """A run of bytes left out."""
    start, stop = _span(content, rng)
    return content[:start] + content[stop:]


def duplicate(content: bytes, rng: Random) -> bytes:
    """A run of bytes up to four more times."""
    start, stop = _span(content, rng)
    return content[:stop] + content[start:stop] * rng.randint(1, 4) + content[stop:]


def insert(content: bytes, rng: Random) -> bytes:
    """A few bytes that were not there."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.randbytes(rng.randint(1, 40)) + content[start:]


def splice(content: bytes, other: bytes, rng: Random) -> bytes:
    """The beginning of one file, the end of another."""
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def overwrite_number(content: bytes, rng: Random) -> bytes:
    """A number of 1 to 8 bytes, of either byte order, that somebody might believe."""
    if rng.random() < 0.3:
        packed = struct.pack(rng.choice(("<f", ">f", "<d", ">d")), rng.choice(_FLOATS))
    else:
        size = rng.choice((1, 2, 4, 4, 8, 8))
        value = (rng.choice(_INTEGERS) + rng.choice((0, 0, -1, 1))) % (1 << 8 * size)
        packed = value.to_bytes(size, rng.choice(("little", "big")))
    near = rng.choice((len(content), len(content), 512, 64))
    start = rng.randrange(max(1, min(near, len(content)) - len(packed) + 1))
    return content[:start] + packed + content[start + len(packed) :]


def replace_number(content: bytes, rng: Random) -> bytes:
    """A number in a text as something else: huge, negative, no number, none."""
    found = [match.span() for match in _NUMBER.finditer(content)]
    if not found:
        return insert(content, rng)
    start, stop = rng.choice(found)
    return content[:start] + rng.choice(_WORDS) + content[stop:]


def replace_word(content: bytes, rng: Random) -> bytes:
    """A word as another word of the text or as nonsense."""
    found = [match.span() for match in re.finditer(rb"[^\s,:\[\]{}\"]+", content)]
    if not found:
        return insert(content, rng)
    (start, stop), (a, b) = rng.choice(found), rng.choice(found)
    word = content[a:b] if rng.random() < 0.5 else rng.choice(_WORDS)
    return content[:start] + word + content[stop:]


def change_lines(content: bytes, rng: Random) -> bytes:
    """A line left out, twice, or in another's place; or other line ends."""
    lines = content.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            return b"\r\n".join(lines)
        case _:
            lines.insert(one, b"")
    return b"\n".join(lines)


def nest(content: bytes, rng: Random) -> bytes:
    """A value inside very many brackets."""
    found = [match.span() for match in _NUMBER.finditer(content)] or [(0, len(content))]
    start, stop = rng.choice(found)
    depth = rng.choice((50, 300, 2000, 40_000))
    before, after = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return content[:start] + before * depth + content[start:stop] + after * depth + content[stop:]


def edit_json(content: bytes, rng: Random) -> bytes:
    """A value somewhere in the tree replaced, left out, or twice; a key renamed."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return flip_bits(content, rng)
    places = [(node, key) for node, key in _places(tree, rng)]
    if not places:
        return json.dumps(rng.choice(_VALUES)).encode()
    node, key = rng.choice(places)
    _edit(node, key, rng)
    return json.dumps(tree).encode()


def _places(tree: Any, rng: Random) -> list[tuple[Any, Any]]:
    """The steps of a walk from the root down a random branch."""
    steps: list[tuple[Any, Any]] = []
    while isinstance(tree, dict | list) and tree:
        key = rng.choice(list(tree)) if isinstance(tree, dict) else rng.randrange(len(tree))
        steps.append((tree, key))
        tree = tree[key]
    return steps


def _edit(node: Any, key: Any, rng: Random) -> None:
    way = rng.randrange(6)
    if way == 0:
        del node[key]
    elif way == 1 and isinstance(node, list):
        node.insert(rng.randrange(len(node) + 1), node[key])
    elif way == 2 and isinstance(node, dict):
        node[rng.choice((key + "x", key.upper(), ""))] = node.pop(key)
    elif way == 3:
        node[key] = rng.choice(([node[key]], {"a": node[key]}, str(node[key])))
    else:
        node[key] = rng.choice(_VALUES)
