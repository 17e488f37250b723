"""A picture for each sentence: its mask over the cloud and over the frames that show it best."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from hcfres.data.scene import Frame, Scene
from hcfres.reporting.views import cloud_view, frame_mask, frame_view

FRAMES_SHOWN = 3


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
    figure.suptitle(caption, fontsize=11, wrap=True)
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
