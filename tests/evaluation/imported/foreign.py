"""Files of other systems about the scan of tests.evaluation.scenes, and what they are held to."""

import json

import numpy as np

from hcfres.evaluation.answers import scene_truth
from hcfres.evaluation.imported.answers import Asked
from hcfres.evaluation.imported.convert import FORMATS, Split, import_predictions
from hcfres.evaluation.predictions import PredictionSource
from tests.evaluation.scenes import EXPRESSIONS, LABELS, POINTS, make_scene

SCENE = "scene0000_00"
ASKED = Asked(EXPRESSIONS)


def mask(*superpoints):
    return np.isin(LABELS, superpoints)


def rle(chosen, length=POINTS):
    """As the authors' code writes it."""
    padded = np.concatenate([[0], np.asarray(chosen, np.int8), [0]])
    changes = np.flatnonzero(np.diff(padded))
    pairs = zip(changes[0::2] + 1, changes[1::2] - changes[0::2], strict=True)
    return {"length": length, "counts": " ".join(f"{start} {run}" for start, run in pairs)}


NAMES = ("3_0", "[3, 5]_1", "7_2", "[]_3", "_4")
UNIONS = (mask(0, 1), mask(0, 1, 2), mask(6), mask(), mask(7))
"""IoU 1, 3/4, 0; the first zero-target is right, the second is not."""


def write_rle(folder, names=NAMES, contents=None):
    folder.mkdir(exist_ok=True)
    for name, told in zip(names, contents or [rle(union) for union in UNIONS], strict=True):
        (folder / f"{SCENE}_{name}.json").write_text(json.dumps(told))
    return folder


def truth(scene_id, expressions):
    return scene_truth(make_scene(scene_id), np.zeros(POINTS, np.int64), expressions)


def bring(path, form, target, rule="gres", min_points=5, expressions=EXPRESSIONS):
    """Import a file; the number of expressions."""
    opened = FORMATS[form](path, Asked(expressions))
    asked = len(expressions)
    source = PredictionSource(
        "multi3drefer", "1", "hash", "val", rule, min_points, "other", asked, opened.holds
    )
    return import_predictions(path, opened, Split(expressions, truth), source, target)
