"""Random changes of a training scene, and the voxels it falls into; pure functions of a generator.

One linear map for a scene (jitter, flip, turn about the vertical), one colour offset, and an
elastic distortion that only the voxels see.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy.ndimage import map_coordinates, uniform_filter

from hcfres.config.setting import AugmentConfig

ELASTIC = ((6, 40.0), (20, 160.0))
"""Granularity and magnitude of the two distortions, in voxels."""


@dataclass(frozen=True)
class Augmented:
    """A scene as the network is given it."""

    coordinates: Float32[np.ndarray, "points 3"]
    """Metres, after the linear map, not distorted."""
    colours: Float32[np.ndarray, "points 3"]
    """[-1, 1] before the offset."""
    voxels: Int64[np.ndarray, "points 3"]
    """After the distortion, starting at 0 on each axis."""


def augment(
    coordinates: Float[np.ndarray, "points 3"],
    colours: Float[np.ndarray, "points 3"],
    voxel_m: float,
    rng: np.random.Generator,
    config: AugmentConfig | None,
) -> Augmented:
    """Change a scene at random; None changes nothing and draws nothing.

    Args:
        coordinates: metres, the scene minus its mean.
        colours: [-1, 1].
        voxel_m: edge of a voxel.
        rng: drawn from in a fixed order: map, colour, distortions.
        config: which changes, how strong.
    """
    places = coordinates.astype(np.float64)
    tints = colours.astype(np.float64)
    stretched = places / voxel_m
    if config is not None:
        places = places @ linear_map(rng, config)
        tints = tints + config.colour * rng.standard_normal(3)
        stretched = places / voxel_m
        if config.elastic:
            for granularity, magnitude in ELASTIC:
                stretched = distort(stretched, granularity, magnitude, rng)
    lowest = stretched.min(axis=0) if len(stretched) else np.zeros(3)
    voxels = np.floor(stretched - lowest).astype(np.int64)
    return Augmented(places.astype(np.float32), tints.astype(np.float32), voxels)


def linear_map(rng: np.random.Generator, config: AugmentConfig) -> Float[np.ndarray, "3 3"]:
    """Draw the matrix M that rows of coordinates are multiplied by from the right.

    Near-identity with normal noise of `config.jitter` in every entry, x reversed with probability
    `config.flip`, then a turn about z by an angle uniform in [0, 2 pi).
    """
    matrix = np.eye(3) + config.jitter * rng.standard_normal((3, 3))
    if rng.random() < config.flip:
        matrix[0] *= -1
    if config.rotate:
        angle = rng.uniform(0, 2 * np.pi)
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = matrix @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    return matrix


def distort(
    places: Float[np.ndarray, "points 3"],
    granularity: int,
    magnitude: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "points 3"]:
    """Push points about by smooth noise (PointGroup's elastic distortion).

    Normal noise on a grid of nodes 2 x `granularity` apart and centred on the origin, blurred
    twice by a 3 x 3 x 3 box with zeros outside, interpolated linearly and times `magnitude`. All
    in the unit of `places`, voxels.
    """
    if not len(places):
        return places
    nodes = np.abs(places).max(axis=0).astype(np.int64) // granularity + 3
    at = (places / granularity + (nodes - 1)).T / 2
    pushed = places.copy()
    for axis in range(3):
        noise = rng.standard_normal(tuple(nodes), dtype=np.float32)
        for _ in range(2):
            noise = uniform_filter(noise, size=3, mode="constant")
        pushed[:, axis] += magnitude * map_coordinates(noise, at, order=1, mode="constant")
    return pushed
