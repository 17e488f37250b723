"""Which sentences of which scenes make each step of an epoch, and what is held out."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chunk:
    """Some expressions of one scene."""

    scene_id: str
    expressions: tuple[int, ...]
    """Places among the scene's expressions."""


def generator(seed: int, epoch: int, purpose: str) -> np.random.Generator:
    """Random numbers that depend on nothing but the arguments, so that any epoch can be redone."""
    return np.random.default_rng([seed, epoch, *purpose.encode()])


def space_of(scene_id: str) -> str:
    """The room a scan was taken of: scene0123_00 and scene0123_01 are one space."""
    return scene_id.rsplit("_", 1)[0]


def split_spaces(
    scene_ids: Sequence[str], held_out: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide training scans into those learnt from and those held out for decisions.

    A space is on one side only; the division depends on the spaces' names alone, so that every
    cell of a setting decides on the same rooms.

    Args:
        scene_ids: scans of the training split.
        held_out: share of the spaces to hold out, rounded up; at least one space is learnt from.
    """
    spaces = sorted({space_of(s) for s in scene_ids}, key=lambda name: (_hash(name), name))
    count = min(math.ceil(held_out * len(spaces)), len(spaces) - 1)
    kept = set(spaces[:count])
    learnt = tuple(s for s in scene_ids if space_of(s) not in kept)
    return learnt, tuple(s for s in scene_ids if space_of(s) in kept)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def epoch_order(
    counts: Mapping[str, int], per_scene: int, scenes: int, rng: np.random.Generator
) -> tuple[tuple[Chunk, ...], ...]:
    """The batches of an epoch: every expression once, in chunks of one scene each.

    Args:
        counts: expressions of each scene.
        per_scene: most expressions in a chunk.
        scenes: most chunks in a batch.
        rng: shuffles a scene's expressions before they are cut, then the chunks.
    """
    chunks = []
    for scene_id, count in counts.items():
        order = rng.permutation(count)
        for start in range(0, count, per_scene):
            chosen = order[start : start + per_scene]
            chunks.append(Chunk(scene_id, tuple(int(index) for index in sorted(chosen))))
    shuffled = [chunks[index] for index in rng.permutation(len(chunks))]
    return tuple(tuple(shuffled[i : i + scenes]) for i in range(0, len(shuffled), scenes))
