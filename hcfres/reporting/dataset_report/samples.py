"""Pictures of some scans: colour, superpoints, a frame, and what some sentences mean in them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int
from scipy.spatial import cKDTree

from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset, Split
from hcfres.data.errors import DataError
from hcfres.data.expression import EVAL_TYPES, Expression
from hcfres.data.scene import Frame, Scene
from hcfres.reporting.dataset_report.facts import Cutter, without_place
from hcfres.reporting.dataset_report.images import image_png
from hcfres.reporting.dataset_report.survey import Survey
from hcfres.reporting.panels import faded, without_gaps
from hcfres.reporting.pictures import best
from hcfres.reporting.views import cloud_view, frame_view

SEED = 1999
"""Put before a name when names are drawn by lot."""
SCANS = 3
"""Shown of each split."""
RULE = (
    f"Drawn by lot with seed {SEED}: of each split the {SCANS} scans with expressions whose "
    f"“{SEED} name” has the smallest sha256; of each scan one expression of every eval type, by "
    "the same rule over the expressions' keys."
)
_LARGE = (420, 560)
_SMALL = (240, 320)
_CANDIDATES = 24
"""Frames among which the one with most of the targets in view is looked for."""


@dataclass(frozen=True)
class SampleSentence:
    """An expression under its picture."""

    expression: Expression
    meant: str
    """Labels and ids of the targets; empty when there is none."""
    png: bytes


@dataclass(frozen=True)
class Sample:
    """One scan of the page."""

    scene_id: str
    split: Split
    pictures: tuple[tuple[str, bytes], ...]
    """What each shows, and its PNG."""
    sentences: tuple[SampleSentence, ...]
    remarks: tuple[str, ...]
    """What could not be drawn, and why."""


def choose_scans(survey: Survey) -> tuple[tuple[str, Split], ...]:
    """Draw scans by lot, SCANS of each split, from those that can be read and have expressions."""
    chosen: list[tuple[str, Split]] = []
    for split, expressions in survey.expressions.items():
        names = {item.scene_id for item in expressions} & survey.by_name.keys()
        chosen += [(name, split) for name in sorted(names, key=_lot)[:SCANS]]
    return tuple(chosen)


def choose_expressions(expressions: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Draw one expression of each eval type by lot."""
    ranked = sorted(expressions, key=lambda item: _lot(item.key))
    firsts = (next((i for i in ranked if i.eval_type == kind), None) for kind in EVAL_TYPES)
    return tuple(item for item in firsts if item is not None)


def draw_sample(
    dataset: Dataset,
    scan: tuple[str, Split],
    survey: Survey,
    setting: SettingConfig,
    cut: Cutter,
) -> Sample:
    """Draw one scan of `choose_scans`; superpoints or frames that are not there are said."""
    scene_id, split = scan
    scene = dataset.scene(scene_id)
    here = tuple(item for item in survey.expressions[split] if item.scene_id == scene_id)
    chosen = choose_expressions(here)
    masks = [_mask(scene, item) for item in chosen]
    nowhere = np.zeros(len(scene.vertices), dtype=bool)
    pictures = [("the scan", _picture(scene, nowhere, _LARGE))]
    remarks: list[str] = []

    def add(what: str, draw: Callable[[], bytes]) -> None:
        try:
            pictures.append((what, draw()))
        except DataError as error:
            remarks.append(f"No {what}: {without_place(error, dataset)}")

    add("superpoints, a colour each", lambda: _superpoints(scene, cut(scene_id).labels))
    every = setting.data.frame_every
    seen = np.any([nowhere, *masks], axis=0)
    add("frame, targets of the sentences below in red", lambda: _frame(dataset, scene, seen, every))
    pale = faded(scene)
    sentences = tuple(
        SampleSentence(item, _meant(scene, item), _picture(pale, mask, _SMALL))
        for item, mask in zip(chosen, masks, strict=True)
    )
    return Sample(scene_id, split, tuple(pictures), sentences, tuple(remarks))


def random_colours(scene: Scene, labels: Int[np.ndarray, " vertices"]) -> Scene:
    """The scan with a colour for each superpoint, the same ones every time."""
    drawn = np.random.default_rng(SEED).integers(40, 236, (labels.max(initial=-1) + 1, 3))
    return replace(scene, colours=drawn.astype(np.uint8)[labels])


def _superpoints(scene: Scene, labels: Int[np.ndarray, " vertices"]) -> bytes:
    nowhere = np.zeros(len(scene.vertices), dtype=bool)
    return _picture(random_colours(scene, labels), nowhere, _LARGE)


def _frame(
    dataset: Dataset, scene: Scene, mask: Bool[np.ndarray, " vertices"], every: int
) -> bytes:
    usable = dataset.frame_indices(scene.scene_id, every)
    if not usable:
        raise DataError(scene.scene_id, "none of its frames has a pose")
    surface = cKDTree(scene.vertices)
    candidates = usable[:: -(-len(usable) // _CANDIDATES)]
    frames = (dataset.frame(scene.scene_id, index) for index in candidates)
    found: Frame = best(surface, frames, mask)[0]
    return image_png(frame_view(surface, found, mask), _LARGE[1])


def _picture(scene: Scene, mask: Bool[np.ndarray, " vertices"], size: tuple[int, int]) -> bytes:
    return image_png(without_gaps(cloud_view(scene, mask, *size)))


def _mask(scene: Scene, item: Expression) -> Bool[np.ndarray, " vertices"]:
    return np.asarray(np.isin(scene.instances, item.object_ids))


def _meant(scene: Scene, item: Expression) -> str:
    labels = {thing.object_id: thing.label for thing in scene.objects}
    return ", ".join(f"{labels.get(i, 'unknown')} {i}" for i in item.object_ids)


def _lot(name: str) -> str:
    return hashlib.sha256(f"{SEED} {name}".encode(errors="replace")).hexdigest()
