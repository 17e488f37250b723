"""A picture for each sentence: its mask over the cloud and over the frames that show it best; and
one of a method's gate."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from hcfres.data.scene import Frame, Scene
from hcfres.evaluation.gate import EVEN, GEOMETRY, IMAGE, SceneGate
from hcfres.reporting.captions import put_above
from hcfres.reporting.views import cloud_view, frame_mask, frame_view

FRAMES_SHOWN = 3
_STOPS = [tuple(part / 255 for part in colour) for colour in (GEOMETRY, EVEN, IMAGE)]


def sentence_picture(
    path: Path,
    scene: Scene,
    frames: Iterable[Frame],
    mask: Bool[np.ndarray, " points"],
    caption: str,
) -> None:
    """Write a PNG: the cloud on the left, beside it the frames with most of the mask in view.

    Args:
        path: of the PNG; its folder is made when missing.
        scene: what the mask is over.
        frames: candidates; looked at one by one, so a generator will do.
        mask: the answer; empty for "no such object".
        caption: printed above.
    """
    surface = cKDTree(scene.vertices)
    shown = best(surface, frames, mask)
    views = [cloud_view(scene, mask), *(frame_view(surface, frame, mask) for frame in shown)]
    figure = Figure(figsize=(4.2 * len(views), 3.6), layout="constrained")
    for axes, view in zip(np.atleast_1d(figure.subplots(1, len(views))), views, strict=True):
        axes.imshow(view)
        axes.set_axis_off()
    put_above(figure, caption, 11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def gate_picture(path: Path, scene: Scene, gate: SceneGate, caption: str) -> None:
    """Write a PNG: the scan in its own colours, coloured by w_2D of Eq. 6 from 0 to 1, and again
    over the range that its w_2D has, so that differences between places show (decision 124).

    Args:
        path: of the PNG; its folder is made when missing.
        scene: whose superpoints were weighed.
        caption: printed above.
    """
    nothing = np.zeros(len(scene.vertices), dtype=bool)
    fixed = ScalarMappable(Normalize(0, 1), LinearSegmentedColormap.from_list("gate", _STOPS))
    stretched = ScalarMappable(Normalize(gate.shown.min(), gate.shown.max()), "cividis")
    figure = Figure(figsize=(13.2, 3.6), layout="constrained")
    of_scan, *others = figure.subplots(1, 3)
    of_scan.imshow(cloud_view(scene, nothing, corner=0))
    labels = "w_2D: 0 geometry, 1 images", "w_2D over its own range"
    for axes, scale, label in zip(others, (fixed, stretched), labels, strict=True):
        colours = scale.to_rgba(gate.shown, bytes=True)[gate.labels, :3]
        axes.imshow(cloud_view(replace(scene, colours=colours), nothing, corner=0))
        figure.colorbar(scale, ax=axes, label=label, shrink=0.8)
    for axes in (of_scan, *others):
        axes.set_axis_off()
    put_above(figure, caption, 11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def best(
    surface: cKDTree, frames: Iterable[Frame], mask: Bool[np.ndarray, " points"]
) -> tuple[Frame, ...]:
    """The frames in which most pixels show the mask, most first; the first ones on a tie."""
    ranked: list[tuple[int, int, Frame]] = []
    for place, frame in enumerate(frames):
        share = frame_mask(surface, frame, mask, step=8).mean() if mask.any() else 0.0
        ranked.append((-int(1e6 * share), place, frame))
        ranked = sorted(ranked, key=lambda entry: entry[:2])[:FRAMES_SHOWN]
    return tuple(frame for _, _, frame in ranked)
