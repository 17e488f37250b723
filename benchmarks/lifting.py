"""Lifting as a sparse operator against materialised H x W x D images, in one run on one thread.

    OMP_NUM_THREADS=1 python benchmarks/lifting.py [--frames 10] [--width 768] [--grid 24 24]

Both use the same pixel hits, found once. The baseline enlarges each frame's tokens to the depth
image, channels last, and adds the pixels up at the vertices with a sparse product: the best
materialising way known to us, in float32. Quote the ratios; the times are this machine's.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch.nn.functional import interpolate

from hcfres.config.setting import LiftingConfig
from hcfres.data.features import LiftingOperator, SuperpointFeatures, Superpoints
from hcfres.data.scene import Frame
from hcfres.semantics.columns import token_columns
from hcfres.semantics.hits import PixelHits, frame_hits
from hcfres.semantics.lifting import apply
from hcfres.semantics.sums import VertexSums

T = TypeVar("T")
SIDES = np.array([6.0, 5.0, 3.0])
"""Of the empty room, metres."""


def main() -> None:
    """Time the steps, check that both ways agree, and print the ratios."""
    options = arguments()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    vertices, superpoints = room(options.spacing)
    frames = [look(index, rng, options.height) for index in range(options.frames)]
    config = LiftingConfig(radius_m=0.04, neighbours=25, max_depth_m=20.0)
    tokens = rng.normal(size=(len(frames), *options.grid, options.width)).astype(np.float32)
    flat = tokens.reshape(-1, options.width)
    build([*frame_hits(frames[:1], vertices, config)], superpoints, tuple(options.grid))  # compile

    search, hits = timed(lambda: list(frame_hits(frames, vertices, config)))
    made, operator = timed(lambda: build(hits, superpoints, tuple(options.grid)))
    applied, ours = timed(lambda: apply(operator, flat))
    whole, theirs = timed(lambda: materialise(hits, tokens, superpoints))
    away = float(np.abs(ours.features - theirs.features).max())
    pixels = frames[0].depth.size
    found = np.mean([len(one.vertices) / max(len(one.pixels), 1) for one in hits])
    lines = [
        f"{len(frames)} frames of {frames[0].depth.shape}, {len(vertices)} vertices, "
        f"{found:.1f} neighbours a pixel, {len(ours.features)} superpoints, width {options.width}",
        f"search (both ways)      {search:8.3f} s",
        f"operator                {made:8.3f} s, {len(operator.weights)} nonzeros",
        f"operator applied        {applied:8.3f} s",
        f"H x W x D and average   {whole:8.3f} s, {4e-6 * pixels * options.width:.0f} MB a frame",
        f"materialised : operator      {whole / (made + applied):6.1f}, built and applied",
        f"                             {whole / applied:6.1f}, applied again (another CLIP layer)",
        f"                             {(search + whole) / (search + made + applied):6.1f}, "
        "with the search",
        f"largest difference      {away:.1e}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if away > 1e-3:
        raise SystemExit("the two ways do not agree")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--grid", type=int, nargs=2, default=(24, 24))
    parser.add_argument("--spacing", type=float, default=0.02, help="of the vertices, metres")
    return parser.parse_args()


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long it took, in seconds, and what came of it."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def build(
    hits: list[PixelHits], superpoints: Superpoints, grid: tuple[int, int]
) -> LiftingOperator:
    """A of the frames whose hits are known."""
    sums = VertexSums(superpoints, dilute_unseen=False)
    columns = token_columns(hits[0].size, grid)
    for number, one in enumerate(hits):
        sums.add(one, columns, number * columns.count)
    return sums.operator(len(hits) * columns.count)


def materialise(
    hits: list[PixelHits], tokens: np.ndarray, superpoints: Superpoints
) -> SuperpointFeatures:
    """The same features by way of an image of features a frame, averaged by a sparse product."""
    labels = superpoints.labels
    count = int(labels.max()) + 1
    seen = np.bincount(np.concatenate([one.vertices for one in hits]), minlength=len(labels))
    members = np.bincount(labels[seen > 0], minlength=count)
    places = np.flatnonzero(seen)
    means = csr_array(
        (1 / (seen[places] * members[labels[places]]), (labels[places], places)),
        shape=(count, len(labels)),
        dtype=np.float32,
    )
    features = np.zeros((count, tokens.shape[-1]), np.float32)
    for number, one in enumerate(hits):
        ones = np.ones(len(one.vertices), np.float32)
        shape = (len(one.pixels), len(labels))
        pixels_to_superpoints = means @ csr_array((ones, one.vertices, one.starts), shape).T
        image = enlarge(tokens[number : number + 1], one.size).reshape(-1, tokens.shape[-1])
        whole = len(one.pixels) == len(image)
        features += pixels_to_superpoints @ (image if whole else image[one.pixels])
    return SuperpointFeatures(features, members > 0)


def enlarge(tokens: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """H x W x D, the channels of a pixel side by side in memory."""
    packed = torch.from_numpy(tokens).permute(0, 3, 1, 2)  # so torch sees channels last
    image = interpolate(packed, size, mode="bilinear")[0].permute(1, 2, 0)
    if not image.is_contiguous():
        raise SystemExit("the baseline would gather with strides: not a fair comparison")
    return image.numpy()


def room(spacing: float) -> tuple[np.ndarray, Superpoints]:
    """Vertices on the six faces of a box, and squares of half a metre as superpoints."""
    points = []
    for axis in range(3):
        across, along = (other for other in range(3) if other != axis)
        u, v = np.meshgrid(
            np.arange(0, SIDES[across], spacing), np.arange(0, SIDES[along], spacing)
        )
        for place in (0.0, SIDES[axis]):
            face = np.empty((u.size, 3))
            face[:, axis], face[:, across], face[:, along] = place, u.ravel(), v.ravel()
            points.append(face)
    vertices = np.concatenate(points)
    cells = np.floor(vertices / 0.5).astype(np.int64)
    _, labels = np.unique(cells, axis=0, return_inverse=True)
    return vertices, Superpoints(labels.astype(np.int64))


def look(index: int, rng: np.random.Generator, height: int) -> Frame:
    """What a camera in the middle of the room sees: each ray to the face it meets first."""
    width = height * 4 // 3
    intrinsics = np.array([[height * 1.2, 0, width / 2], [0, height * 1.2, height / 2], [0, 0, 1]])
    turn = rng.uniform(0, 2 * np.pi)
    forward = np.array([np.cos(turn), np.sin(turn), -0.3]) / np.sqrt(1.09)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = SIDES / 2 + rng.uniform(-0.8, 0.8, 3)
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(intrinsics).T
    rays = rays @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        away = np.where(rays > 0, SIDES - pose[:3, 3], -pose[:3, 3]) / rays
    depth = np.where(rays == 0, np.inf, away).min(axis=-1)
    blank = np.zeros((height, width, 3), np.uint8)
    return Frame(index, blank, depth.astype(np.float32), intrinsics, pose)


if __name__ == "__main__":
    main()
