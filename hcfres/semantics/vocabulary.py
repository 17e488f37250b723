"""The tiny CLIP's byte-pair vocabulary: learnt from the grammar's words, each one token."""

import gzip
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from open_clip.tokenizer import bytes_to_unicode

from hcfres.data.rooms import words as lexicon

Pieces = tuple[str, ...]
Pair = tuple[str, str]


def room_words() -> frozenset[str]:
    """Give every word that names a thing of the rooms or a property of it."""
    tables = (lexicon.NOUNS, lexicon.COLOURS, lexicon.PATTERNS, lexicon.SIZES, lexicon.SHAPES)
    phrases = [phrase for table in tables for key in table for phrase in (key, *table[key])]
    heads = [noun.split()[-1] for nouns in lexicon.NOUNS.values() for noun in nouns]
    few = ("a", "an", "the", "with", "of", "and", "wall", "floor")
    plurals = map(lexicon.plural, heads)
    return frozenset({*(word for phrase in phrases for word in phrase.split()), *plurals, *few})


def learn_merges(words: Iterable[str]) -> tuple[Pair, ...]:
    """Merge the most frequent neighbouring pieces until every word is one (Sennrich et al.)."""
    split = [_pieces(word) for word in sorted(set(words))]
    merges: list[Pair] = []
    while counts := Counter(pair for pieces in split for pair in pairwise(pieces)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        split = [_merge(pieces, best) for pieces in split]
    return tuple(merges)


def _pieces(word: str) -> Pieces:
    encoder = bytes_to_unicode()
    letters = [encoder[byte] for byte in word.encode()]
    return (*letters[:-1], letters[-1] + "</w>")


def _merge(pieces: Pieces, pair: Pair) -> Pieces:
    merged: list[str] = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(merged)


def write_merges(path: Path, merges: Sequence[Pair]) -> None:
    """Write merges in the form open_clip's tokenizer reads, the same bytes every time."""
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write("\n".join(lines).encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
