"""Answers about a scan as files that other programs open."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from hcfres.data.ply import Mesh, write_ply
from hcfres.evaluation.open_scene import OpenScene
from hcfres.store.files import write_atomic

MARK = (255, 45, 85)
"""Colour of the vertices that are meant."""
_MASKS, _SUMMARY = "masks.npz", "answers.json"
_NAME = re.compile("[0-9]{2,}-[a-z0-9]+(-[a-z0-9]+)*")
"""What the files of a sentence are called, but for their suffix."""
_SUFFIXES = (".ply", ".png")
"""Of the cloud of a sentence, and of its picture."""


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
    array of booleans a sentence, in the order of the vertices, `answers.json` the rest. It is
    written last: where it stands, all are there and of one run. Clouds and pictures of an earlier
    run in the folder, told by its `masks.npz`, are removed; no other file is.

    Returns:
        The files, the clouds first.

    Raises:
        StoreError: the disk is full or refuses.
    """
    _remove_earlier(folder)
    scene = opened.scene
    placed = opened.in_file(scene.vertices)
    names = [f"{number:02d}-{slug(answer.sentence)}" for number, answer in enumerate(answers, 1)]
    write_atomic(folder / _MASKS, _masks(names, answers))
    clouds = [folder / f"{name}.ply" for name in names]
    for path, answer in zip(clouds, answers, strict=True):
        write_ply(path, Mesh(placed, painted(scene.colours, answer.mask), scene.faces))
    told = [_told(name, answer) for name, answer in zip(names, answers, strict=True)]
    about = {"scene_id": opened.scene_id, "remarks": list(opened.remarks), "answers": told}
    summary = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    write_atomic(folder / _SUMMARY, summary.encode())
    return (*clouds, folder / _MASKS, folder / _SUMMARY)


def _remove_earlier(folder: Path) -> None:
    """Remove an earlier run's summary, which is true no more, and its files of sentences."""
    (folder / _SUMMARY).unlink(missing_ok=True)
    for name in _earlier_names(folder / _MASKS):
        for suffix in _SUFFIXES:
            (folder / f"{name}{suffix}").unlink(missing_ok=True)


def _earlier_names(masks: Path) -> list[str]:
    """The names of the sentences that an earlier run answered; none where no run can be told."""
    try:
        with zipfile.ZipFile(masks) as file:
            names = [name.removesuffix(".npy") for name in file.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile):
        return []
    return [name for name in names if _NAME.fullmatch(name)]


def _masks(names: Sequence[str], answers: Sequence[Answer]) -> bytes:
    arrays: Any = {name: answer.mask for name, answer in zip(names, answers, strict=True)}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


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
