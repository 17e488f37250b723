"""How bright each corner of the room's triangles is: light from above, and what stands in it."""

import numpy as np
from jaxtyping import Float

from hcfres.data.rooms.mesh import RoomMesh, floor_id
from hcfres.data.rooms.raster import Camera, draw, reached
from hcfres.data.rooms.room import Room

_FAR_M = 40.0
_MAP_PIXELS = 130
_LIFT_M = 0.035
_AMBIENT = 0.5
_SKY = 0.52
_SIDE = np.array([0.5, 0.8, 0.33])
"""Where a little more light comes from, so that the sides of a box differ."""
_SIDE_SHARE = 0.07


def look_at(
    position: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """Give the camera-to-room pose that looks from one point to another, upright."""
    forward = (target - position) / np.linalg.norm(target - position)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose


def _directions() -> Float[np.ndarray, "lights 3"]:
    """Spread lights over the upper half of the sphere, more of them near the zenith."""
    rows = []
    for elevation, count in ((18, 8), (36, 9), (53, 8), (70, 6), (89.5, 1)):
        for k in range(count):
            bearing = 2 * np.pi * (k + elevation / 90) / count
            level = np.radians(elevation)
            rows.append(
                (np.cos(level) * np.cos(bearing), np.cos(level) * np.sin(bearing), np.sin(level))
            )
    return np.array(rows)


def brightness(room: Room, mesh: RoomMesh) -> Float[np.ndarray, "faces 3"]:
    """Give each corner's brightness, about 0.4 in the dark to 1.05 on open level ground.

    Light falls through the open ceiling from many directions; the walls do not stop it.
    """
    middle = np.array([room.width, room.depth, room.height]) / 2
    reach = float(np.linalg.norm(middle))
    focal = _MAP_PIXELS * _FAR_M / (2 * reach)
    centre = ((_MAP_PIXELS - 1) / 2,) * 2
    blocking = (mesh.instance < len(room.furniture)) | (mesh.instance == floor_id(room))
    normals = mesh.normals.reshape(-1, 3)
    points = mesh.corners.reshape(-1, 3) + normals * _LIFT_M
    received = np.zeros(len(points))
    lights = _directions()
    for light in lights:
        pose = look_at(middle + light * _FAR_M, middle)
        camera = Camera(pose, (focal, focal), centre, _MAP_PIXELS, _MAP_PIXELS)
        drawn = draw(mesh.vertices, mesh.faces, camera, blocking)
        lit = reached(points, drawn, camera, 0.02)
        received += lit * np.maximum(normals @ light, 0.0)
    full = np.maximum(lights[:, 2], 0.0).sum()
    side = _SIDE_SHARE * (normals @ (_SIDE / np.linalg.norm(_SIDE)))
    return (_AMBIENT + _SKY * np.minimum(received / full, 1.0) + side).reshape(-1, 3)
