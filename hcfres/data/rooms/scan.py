"""What a scanner makes of a room: the surfaces it saw, a little wrong, one colour a vertex."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hcfres.data.rooms.camera_path import path
from hcfres.data.rooms.layout import stream
from hcfres.data.rooms.mesh import RoomMesh
from hcfres.data.rooms.raster import draw, reached
from hcfres.data.rooms.render import Stage, camera_at

FEWEST_VERTICES = 24
"""Every object keeps at least so many vertices, seen or not."""
_VIEW = (160, 120)
_TOLERANCE_M = 0.02
_LEAST_COSINE = 0.1
_LEAST_VIEWS = 2
_SMOOTH_M = 0.003
"""Standard deviation of the error that neighbours share."""
_WHITE_M = 0.0016
"""Standard deviation of each vertex's own error along its normal."""
_CRUMB_VERTICES = 14
"""Connected pieces of fewer vertices are cleaned away."""
_WAVES = 7
_COLOUR_NOISE = 4.0


@dataclass(frozen=True)
class Scan:
    """The reconstructed mesh, in the room's frame."""

    vertices: Float[np.ndarray, "vertices 3"]
    colours: UInt8[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    instances: Int[np.ndarray, " vertices"]
    """Object id of each vertex."""


def _face_normals(mesh: RoomMesh) -> Float[np.ndarray, "faces 3"]:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def seen_faces(stage: Stage) -> Bool[np.ndarray, " faces"]:
    """Tell which faces at least two views of the scanner's walk saw from their front."""
    mesh = stage.mesh
    normals, middles = _face_normals(mesh), mesh.corners.mean(axis=1)
    views = np.zeros(len(mesh.faces), np.int64)
    for pose in path(stage.room):
        camera = camera_at(pose, _VIEW)
        drawn = draw(mesh.vertices, mesh.faces, camera)
        ray = pose[:3, 3] - middles
        facing = (ray * normals).sum(axis=1) > _LEAST_COSINE * np.linalg.norm(ray, axis=1)
        views += facing & reached(middles, drawn, camera, _TOLERANCE_M)
    return views >= _LEAST_VIEWS


def _without_crumbs(mesh: RoomMesh, kept: Bool[np.ndarray, " faces"]) -> Bool[np.ndarray, " faces"]:
    """Leave out connected pieces of too few vertices, as the cleaning of a reconstruction does."""
    faces, count = mesh.faces[kept], len(mesh.vertices)
    ends = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
    component = connected_components(graph, directed=False)[1]
    size = np.bincount(component[np.unique(faces)], minlength=component.max() + 1)
    out = kept.copy()
    out[kept] = size[component[faces[:, 0]]] >= _CRUMB_VERTICES
    return out


def _enough_of_each(stage: Stage, seen: Bool[np.ndarray, " faces"]) -> Bool[np.ndarray, " faces"]:
    """Give objects of which too little was seen all their faces that do not look down."""
    mesh, kept = stage.mesh, seen.copy()
    for instance in range(int(mesh.instance.max()) + 1):
        own = mesh.instance == instance
        if len(np.unique(mesh.faces[own & seen])) < FEWEST_VERTICES:
            kept |= own & (mesh.normals[:, 0, 2] > -0.5)
    return kept


def _vertex_normals(
    mesh: RoomMesh, faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    a, b, c = (mesh.vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _errors(
    points: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "vertices 3"]:
    """Displace along the normal: a sum of waves of 0.3 to 1 m, and each vertex's own error."""
    direction = rng.normal(0, 1, (_WAVES, 3))
    direction *= (2 * np.pi / rng.uniform(0.3, 1.0, (_WAVES, 1))) / np.linalg.norm(
        direction, axis=1, keepdims=True
    )
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    smooth = np.sin(points @ direction.T + phase).sum(axis=1) * np.sqrt(2 / _WAVES) * _SMOOTH_M
    own = rng.normal(0, _WHITE_M, len(points))
    return (smooth + own)[:, None] * normals + rng.normal(0, _WHITE_M / 2, points.shape)


def _mean_colours(
    stage: Stage, kept: Bool[np.ndarray, " faces"], rng: np.random.Generator
) -> UInt8[np.ndarray, "vertices 3"]:
    """Average pattern and light over the kept faces around each vertex."""
    mesh = stage.mesh
    total = np.zeros((len(mesh.vertices), 3))
    count = np.zeros(len(mesh.vertices))
    tone = mesh.materials.mean[mesh.material[kept]]
    for k in range(3):
        corner = mesh.faces[kept, k]
        np.add.at(total, corner, tone * (0.3 + 0.7 * stage.light[kept, k])[:, None])
        np.add.at(count, corner, 1.0)
    colour = total / np.maximum(count, 1)[:, None] * stage.tint * 255
    colour += rng.normal(0, _COLOUR_NOISE, colour.shape)
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8)


def scan_room(stage: Stage) -> Scan:
    """Reconstruct the room from its walk: unseen faces are absent, the rest a few mm off."""
    mesh, rng = stage.mesh, stream(stage.room.seed, "scan")
    kept = _enough_of_each(stage, _without_crumbs(mesh, seen_faces(stage)))
    colours = _mean_colours(stage, kept, rng)
    normals = _vertex_normals(mesh, mesh.faces[kept])
    moved = mesh.vertices + _errors(mesh.vertices, normals, rng)
    used, faces = np.unique(mesh.faces[kept], return_inverse=True)
    owner = np.full(len(mesh.vertices), -1)
    owner[mesh.faces.ravel()] = np.repeat(mesh.instance, 3)
    return Scan(moved[used], colours[used], faces.reshape(-1, 3), owner[used])
