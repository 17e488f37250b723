"""Scenes of any size, points on the surfaces of a furnished room, and sentences to ask of them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from hcfres.data.augment import augment
from hcfres.data.batch import SceneBatch

_ROOM = (6.0, 5.0, 2.8)
"""Proportions of the room."""
_BOXES = 12
"""Pieces of furniture; their sides are between a tenth and a quarter of the room's."""
_DENSER = 0.97
"""The grid is a little finer than asked for, so that there are points to draw from."""
_SEEN = 0.95
"""Share of the superpoints that some frame shows."""
SENTENCES = (
    "The brown wooden chair that stands at the far end of the long table, closest to the window.",
    "There is a white cabinet below the counter; it is the one to the left of the refrigerator.",
    "This is a small round trash can. It is next to the door, between the desk and the bookshelf.",
    "All the grey pillows that lie on the large couch in the corner of the living room.",
    "The black monitor on the right side of the desk, in front of the office chair with armrests.",
    "A tall lamp with a yellow shade that stands behind the armchair and beside the nightstand.",
    "The two pictures that hang above the bed, to the right of the curtain in the middle.",
    "A blue backpack on the floor, leaning on the wall under the whiteboard near the entrance.",
)
"""Of about seventeen words each."""


@dataclass(frozen=True)
class Cloud:
    """What is asked of a scene."""

    points: int
    superpoints: int
    spacing_m: float
    """Between neighbouring points: the edge of a voxel, as nearly in ScanNet and in rooms."""


@dataclass(frozen=True)
class Widths:
    """Of the 2D features."""

    dense: int
    """0 for none."""
    instance: int


def generated_scene(cloud: Cloud, widths: Widths, seed: int = 0) -> SceneBatch:
    """A batch of one scene with random colours and 2D features.

    Superpoints are the cells of points drawn at random. Nothing in it can be recognised; what it
    costs is what a scan of its numbers of points, voxels and superpoints costs.

    Raises:
        ValueError: more superpoints than points.
    """
    if not 0 < cloud.superpoints <= cloud.points:
        raise ValueError(f"{cloud.superpoints} superpoints of {cloud.points} points")
    rng = np.random.default_rng(seed)
    places = surface_points(cloud.points, cloud.spacing_m, rng)
    places -= places.mean(axis=0)
    colours = rng.uniform(-1, 1, places.shape)
    changed = augment(places, colours, cloud.spacing_m, rng, None)
    features = np.concatenate([changed.colours, changed.coordinates], axis=1)
    dense, dense_seen = _features(cloud.superpoints, widths.dense, rng)
    instance, instance_seen = _features(cloud.superpoints, widths.instance, rng)
    return SceneBatch(
        scene_ids=("generated",),
        coordinates=torch.from_numpy(changed.coordinates),
        voxels=torch.from_numpy(changed.voxels),
        features=torch.from_numpy(features),
        scene_of_point=torch.zeros(cloud.points, dtype=torch.long),
        superpoint_of_point=torch.from_numpy(_cells(places, cloud.superpoints, rng)),
        superpoint_counts=(cloud.superpoints,),
        dense=dense,
        dense_seen=dense_seen,
        instance=instance,
        instance_seen=instance_seen,
    )


def surface_points(
    count: int, spacing_m: float, rng: np.random.Generator
) -> Float[np.ndarray, "{count} 3"]:
    """Points on floor, walls and boxes of a room so large that they are `spacing_m` apart, metres.

    Each lies within a third of the spacing of a node of its surface's grid.
    """
    corners, sides = _surfaces(rng)
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    step = _DENSER * spacing_m
    while True:
        scale = np.sqrt(count * spacing_m**2 / areas.sum())
        found = np.concatenate(
            [_grid(c * scale, s * scale, step, rng) for c, s in zip(corners, sides, strict=True)]
        )
        if len(found) >= count:
            return found[np.sort(rng.permutation(len(found))[:count])]
        step *= _DENSER  # a tiny room: whole cells of its surfaces are few


def _surfaces(
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "faces 3"], Float[np.ndarray, "faces 2 3"]]:
    """A corner and two sides of each: floor and walls, then the sides and tops of the boxes."""
    room = np.array(_ROOM)
    sizes = room * rng.uniform(0.1, 0.25, (_BOXES, 3))
    places = (room - sizes) * rng.uniform(0, 1, (_BOXES, 3)) * (1, 1, 0)
    floor = (np.zeros(3), np.diag(room)[:2])
    faces = [floor, *_walls(np.zeros(3), room)]
    for place, size in zip(places, sizes, strict=True):
        top = place + np.diag(size)[2]
        faces += [(top, np.diag(size)[:2]), *_walls(place, size)]
    return np.array([corner for corner, _ in faces]), np.array([sides for _, sides in faces])


def _walls(
    corner: Float[np.ndarray, "3"], size: Float[np.ndarray, "3"]
) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y, z = np.diag(size)
    return [
        (corner, np.stack([x, z])),
        (corner, np.stack([y, z])),
        (corner + y, np.stack([x, z])),
        (corner + x, np.stack([y, z])),
    ]


def _grid(
    corner: Float[np.ndarray, "3"],
    sides: Float[np.ndarray, "2 3"],
    step: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "nodes 3"]:
    lengths = np.linalg.norm(sides, axis=1)
    across, along = (np.arange(int(length / step) + 1) * step / length for length in lengths)
    shares = np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1).reshape(-1, 2)
    shares = shares + rng.uniform(-1 / 3, 1 / 3, shares.shape) * step / lengths
    nodes: np.ndarray = corner + shares @ sides
    return nodes


def _cells(
    places: Float[np.ndarray, "points 3"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " points"]:
    """The nearest of `count` of the points to each; a chosen point is nearest to itself."""
    chosen = rng.choice(len(places), count, replace=False)
    _, nearest = cKDTree(places[chosen]).query(places)
    cells = nearest.astype(np.int64)
    cells[chosen] = np.arange(count)  # even where two points are in one place
    return cells


def _features(
    rows: int, width: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor] | tuple[None, None]:
    if not width:
        return None, None
    seen = rng.uniform(size=rows) < _SEEN
    values = rng.standard_normal((rows, width), dtype=np.float32) * seen[:, None]
    return torch.from_numpy(values), torch.from_numpy(seen)
