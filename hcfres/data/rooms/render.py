"""Posed RGB-D frames of a room, with what no scanner gives: whose every pixel is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from hcfres.data.rooms.layout import stream
from hcfres.data.rooms.materials import light_of
from hcfres.data.rooms.mesh import RoomMesh, labels_of, room_mesh
from hcfres.data.rooms.raster import Camera, Drawn, alone, draw
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.shading import brightness
from hcfres.data.rooms.texture import block_mean, most_common, paint

COLOUR_SIZE = (320, 240)
"""Width and height of the colour images."""
DEPTH_SIZE = (160, 120)
FIELD_OF_VIEW = 66.0
"""Degrees, horizontally."""
_SAMPLES = 2
"""Samples of a colour pixel along each axis."""
_DEPTH_NOISE = (0.0012, 0.0019)
"""Standard deviation of depth: metres, plus this times the squared depth."""
_CEILING = 0.8
_GRAZING = 0.12
"""Below this cosine between ray and surface the sensor sees nothing."""
_HOLE_SHARE = 0.012


@dataclass(frozen=True)
class Stage:
    """A room ready to be photographed."""

    room: Room
    mesh: RoomMesh
    light: Float[np.ndarray, "faces 3"]
    """Brightness of each corner."""
    tint: Float[np.ndarray, "3"]
    """Colour of the light."""


@dataclass(frozen=True)
class Rendering:
    """One frame with its truth. Pixels of `colour` and `instances` are the same."""

    index: int
    camera: Camera
    """Of the colour image, in the room's frame."""
    colour: UInt8[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "depth_height depth_width"]
    """Metres along the camera's z axis, noisy; 0 where the sensor saw nothing."""
    instances: Int[np.ndarray, "height width"]
    """Object id of each pixel, walls and floor included; -1 where there is nothing."""
    visible: Int[np.ndarray, " objects"]
    """Pixels of `instances` each object id has."""
    unoccluded: Int[np.ndarray, " objects"]
    """Pixels each object id would have if it were alone."""


def set_stage(room: Room) -> Stage:
    """Build the room's triangles and light them."""
    mesh = room_mesh(room)
    return Stage(room, mesh, brightness(room, mesh), light_of(room, stream(room.seed, "light")))


def camera_at(pose: Float[np.ndarray, "4 4"], size: tuple[int, int] = COLOUR_SIZE) -> Camera:
    """Give the camera of a pose (camera to room) for images of `size` (width, height)."""
    width, height = COLOUR_SIZE
    focal = width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    camera = Camera(pose, (focal, focal), ((width - 1) / 2, (height - 1) / 2), width, height)
    return camera if size == COLOUR_SIZE else camera.scaled(*size)


def intrinsics(camera: Camera) -> Float[np.ndarray, "3 3"]:
    """Give the camera's K."""
    (fx, fy), (cx, cy) = camera.focal, camera.centre
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def render_frame(stage: Stage, pose: Float[np.ndarray, "4 4"], index: int = 0) -> Rendering:
    """Photograph the room from a pose (camera to room); `index` only picks the noise."""
    rng = stream(stage.room.seed, f"frame {index}")
    camera, mesh = camera_at(pose), stage.mesh
    fine = camera.scaled(COLOUR_SIZE[0] * _SAMPLES, COLOUR_SIZE[1] * _SAMPLES)
    drawn = draw(mesh.vertices, mesh.faces, fine)
    owners = np.where(drawn.triangle >= 0, mesh.instance[drawn.triangle], -1)
    instances = most_common(owners, _SAMPLES)
    objects = len(labels_of(stage.room))
    return Rendering(
        index=index,
        camera=camera,
        colour=_exposed(_radiance(stage, drawn, fine), stage.tint, rng),
        depth=_sensed_depth(mesh, camera.scaled(*DEPTH_SIZE), rng),
        instances=instances,
        visible=np.bincount(instances[instances >= 0], minlength=objects),
        unoccluded=alone(mesh.vertices, mesh.faces, mesh.instance, camera),
    )


def _radiance(stage: Stage, drawn: Drawn, fine: Camera) -> Float[np.ndarray, "height width 3"]:
    """Average the samples of each pixel; where the room is open, the ceiling shines pale."""
    samples = paint(drawn, fine, stage.mesh, stage.light)
    samples[drawn.triangle < 0] = _CEILING
    return block_mean(samples, _SAMPLES)


def _exposed(
    radiance: Float[np.ndarray, "height width 3"],
    tint: Float[np.ndarray, "3"],
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "height width 3"]:
    """Develop the picture: exposure, a darker rim, grain."""
    height, width = radiance.shape[:2]
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    rim = 1 - 0.07 * (u * u + v * v)
    image = radiance * (tint * rng.uniform(0.94, 1.06)) * rim[..., None]
    image = image * 255 + rng.normal(0, 2.2, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _sensed_depth(
    mesh: RoomMesh, camera: Camera, rng: np.random.Generator
) -> Float[np.ndarray, "height width"]:
    """Measure depth as a scanner does: noise that grows with distance, holes, no grazing rays."""
    drawn = draw(mesh.vertices, mesh.faces, camera)
    depth = drawn.depth.astype(np.float64)
    noise = _DEPTH_NOISE[0] + _DEPTH_NOISE[1] * depth**2
    sensed = depth + rng.normal(0, 1, depth.shape) * noise
    lost = (_incidence(mesh, drawn, camera) < _GRAZING) | (drawn.triangle < 0)
    lost |= rng.random(depth.shape) < _HOLE_SHARE
    lost |= _beside_a_jump(depth) & (rng.random(depth.shape) < 0.5)
    sensed[lost] = 0.0
    return np.rint(np.clip(sensed, 0, 60) * 1000) / 1000


def _incidence(mesh: RoomMesh, drawn: Drawn, camera: Camera) -> Float[np.ndarray, "height width"]:
    """Give the cosine between each pixel's ray and the surface's normal."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    ray = np.stack(
        [
            (u - camera.centre[0]) / camera.focal[0],
            (v - camera.centre[1]) / camera.focal[1],
            np.ones(u.shape),
        ],
        axis=2,
    )
    ray /= np.linalg.norm(ray, axis=2, keepdims=True)
    turned = normal[drawn.triangle] @ camera.camera_to_room[:3, :3]
    return np.abs((ray * turned).sum(axis=2))


def _beside_a_jump(depth: Float[np.ndarray, "height width"]) -> np.ndarray:
    """Mark pixels whose right or lower neighbour is over 12 cm nearer or farther."""
    jump = np.zeros(depth.shape, np.bool_)
    jump[:, :-1] |= np.abs(np.diff(depth, axis=1)) > 0.12
    jump[:-1] |= np.abs(np.diff(depth, axis=0)) > 0.12
    return jump
