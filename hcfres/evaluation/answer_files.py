"""Answers about a scan as files that other programs open."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from hcfres.data.ply import Mesh, write_ply
from hcfres.evaluation.open_scene import OpenScene

MARK = (255, 45, 85)
"""Colour of the vertices that are meant."""


@dataclass(frozen=True)
class Instance:
    """One query's part of an answer."""

    mask: Bool[np.ndarray, " points"]
    probability: float
    """Of being a target."""
    score: float
    """Predicted IoU of the mask."""


@dataclass(frozen=True)
class Answer:
    """What a sentence means in a scan."""

    sentence: str
    mask: Bool[np.ndarray, " points"]
    """Over the scan's vertices; empty when nothing is meant."""
    zero_target: bool
    """The sentence means no object of the scan."""
    instances: tuple[Instance, ...]
    """Of the queries that fired, likeliest first; several may be of one object."""
    probability: float
    """That of the likeliest query, whether it fired or not."""


def write_answers(folder: Path, opened: OpenScene, answers: Sequence[Answer]) -> tuple[Path, ...]:
    """Write a coloured cloud for each answer, all masks, and a summary.

    The clouds (`NN-words.ply`) are in the frame of the scan's own file. `masks.npz` holds one
    array of booleans a sentence, in the order of the vertices, `answers.json` the rest.

    Returns:
        The files, the clouds first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scene = opened.scene
    placed = opened.in_file(scene.vertices)
    names = [f"{number:02d}-{slug(answer.sentence)}" for number, answer in enumerate(answers, 1)]
    clouds = [folder / f"{name}.ply" for name in names]
    for path, answer in zip(clouds, answers, strict=True):
        write_ply(path, Mesh(placed, painted(scene.colours, answer.mask), scene.faces))
    masks, summary = folder / "masks.npz", folder / "answers.json"
    arrays: Any = {name: answer.mask for name, answer in zip(names, answers, strict=True)}
    np.savez_compressed(masks, **arrays)
    told = [_told(name, answer) for name, answer in zip(names, answers, strict=True)]
    about = {"scene_id": opened.scene_id, "remarks": list(opened.remarks), "answers": told}
    summary.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    return (*clouds, masks, summary)


def painted(
    colours: UInt8[np.ndarray, "points 3"], mask: Bool[np.ndarray, " points"]
) -> UInt8[np.ndarray, "points 3"]:
    """The colours, three quarters of MARK mixed into those of the mask."""
    mixed = 0.25 * colours + 0.75 * np.array(MARK)
    return np.where(mask[:, None], mixed.round(), colours).astype(np.uint8)


def slug(sentence: str) -> str:
    """The first words of a sentence as a file may be called."""
    words = re.findall(r"[a-z0-9]+", sentence.lower())
    return "-".join(words)[:40].rstrip("-") or "sentence"


def _told(name: str, answer: Answer) -> dict[str, object]:
    return {
        "file": f"{name}.ply",
        "sentence": answer.sentence,
        "zero_target": answer.zero_target,
        "vertices": int(answer.mask.sum()),
        "probability": answer.probability,
        "instances": [
            {
                "vertices": int(one.mask.sum()),
                "probability": one.probability,
                "score": one.score,
            }
            for one in answer.instances
        ],
    }
