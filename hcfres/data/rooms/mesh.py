"""The room as labelled triangles: exact, complete, with coordinates for the patterns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hcfres.data.rooms import fixtures, seating, storage
from hcfres.data.rooms.catalogue import Piece
from hcfres.data.rooms.layout import stream
from hcfres.data.rooms.materials import Materials, Palette
from hcfres.data.rooms.patches import Part, Patch, quad
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.solids import as_piece

Builder = Callable[[Piece, np.random.Generator, float], list[Part]]

BUILDERS: dict[str, Builder] = {
    "chair": seating.chair,
    "stool": seating.stool,
    "couch": seating.couch,
    "bed": seating.bed,
    "pillow": seating.pillow,
    "table": storage.table,
    "desk": storage.desk,
    "cabinet": storage.cabinet,
    "bookshelf": storage.bookshelf,
    "nightstand": storage.nightstand,
    "refrigerator": storage.refrigerator,
    "box": storage.carton,
    "backpack": storage.backpack,
    "lamp": fixtures.lamp,
    "monitor": fixtures.monitor,
    "trash can": fixtures.trash_can,
    "plant": fixtures.plant,
    "picture": fixtures.picture,
    "window": fixtures.window,
    "door": fixtures.door,
    "curtain": fixtures.curtain,
    "whiteboard": fixtures.whiteboard,
}
_WALL_SPACING_M = 0.1
_FLOOR_SPACING_M = 0.085


@dataclass(frozen=True)
class RoomMesh:
    """Triangles of a room, in the room's frame; counter-clockwise seen from outside."""

    vertices: Float[np.ndarray, "vertices 3"]
    """Welded within each part of an object, never between objects."""
    faces: Int[np.ndarray, "faces 3"]
    normals: Float[np.ndarray, "faces 3 3"]
    """At each corner; sharp at edges."""
    texture: Float[np.ndarray, "faces 3 2"]
    """Metres along the surface at each corner, for the patterns."""
    instance: Int[np.ndarray, " faces"]
    """Object id: furniture's own, then four walls, then the floor."""
    material: Int[np.ndarray, " faces"]
    materials: Materials

    @property
    def corners(self) -> Float[np.ndarray, "faces 3 3"]:
        """Position of each face's corners."""
        return self.vertices[self.faces]


def floor_id(room: Room) -> int:
    """Object id of the floor."""
    return len(room.furniture) + 4


def labels_of(room: Room) -> tuple[str, ...]:
    """ScanNet's raw category of every object id of the annotation."""
    return (*(item.label for item in room.furniture), *["wall"] * 4, "floor")


class _Builder:
    """Collects triangles part by part."""

    def __init__(self) -> None:
        self.columns: list[tuple[np.ndarray, ...]] = []
        self.parts = 0

    def add(self, part: Part, placing: np.ndarray, instance: int, material: int) -> None:
        for patch in part.patches:
            corners, normals, texture = _triangles(patch)
            count = len(corners)
            self.columns.append(
                (
                    corners @ placing[:3, :3].T + placing[:3, 3],
                    normals @ placing[:3, :3].T,
                    texture,
                    np.full(count, instance),
                    np.full(count, material),
                    np.full(count, self.parts),
                )
            )
        self.parts += 1

    def mesh(self, materials: Materials) -> RoomMesh:
        columns = [np.concatenate(column) for column in zip(*self.columns, strict=True)]
        corners, normals, texture, instance, material, part = columns
        vertices, faces = _weld(corners, part)
        a, b, c = faces.T
        sound = (a != b) & (b != c) & (a != c)
        return RoomMesh(
            vertices, faces[sound], normals[sound], texture[sound], instance[sound],
            material[sound], materials,
        )  # fmt: skip


def _grid_normals(points: np.ndarray) -> np.ndarray:
    """Mean direction of the cells around each grid point; the last row may meet the first."""
    du, dv = points[1:] - points[:-1], points[:, 1:] - points[:, :-1]
    cell = np.cross(du[:, :-1] + du[:, 1:], dv[:-1] + dv[1:])
    total = np.zeros_like(points)
    for rows in (slice(0, -1), slice(1, None)):
        for columns in (slice(0, -1), slice(1, None)):
            total[rows, columns] += cell
    if np.abs(points[0] - points[-1]).max() < 1e-9:
        total[0] += total[-1]
        total[-1] = total[0]
    length = np.linalg.norm(total, axis=2, keepdims=True)
    return total / np.maximum(length, 1e-12)


def _triangles(patch: Patch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut each cell of the grid in two; corners (n, 3, 3), normals (n, 3, 3), texture (n, 3, 2)."""
    rows, columns = patch.points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b = number[:-1, :-1].ravel(), number[1:, :-1].ravel()
    c, d = number[1:, 1:].ravel(), number[:-1, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return (
        patch.points.reshape(-1, 3)[faces],
        _grid_normals(patch.points).reshape(-1, 3)[faces],
        patch.texture.reshape(-1, 2)[faces],
    )


def _weld(corners: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join corners of one part that lie within a tenth of a millimetre."""
    grid = np.rint((corners.reshape(-1, 3) + 1.0) * 10_000).astype(np.int64)
    key = ((np.repeat(part, 3).astype(np.int64) << 17 | grid[:, 0]) << 17 | grid[:, 1]) << 17
    _, first, number = np.unique(key | grid[:, 2], return_index=True, return_inverse=True)
    return corners.reshape(-1, 3)[first], number.reshape(-1, 3)


def _placing(item: Furniture) -> Float[np.ndarray, "4 4"]:
    """Map the piece's own frame to the room's."""
    c, s = np.cos(item.heading), np.sin(item.heading)
    x, y, z = item.centre
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:3, 3] = x, y, z - item.extent[2] / 2
    return matrix


def spacing_of(piece: Piece) -> float:
    """Distance between a piece's vertices, metres: finer on small things."""
    return float(np.clip(np.median(piece.extent) / 8, 0.028, 0.05))


def _style(item: Furniture) -> str:
    """Name what a piece's details are drawn from: pieces of a set look alike."""
    if item.label in ("bookshelf", "whiteboard", "plant"):
        return f"style {item.object_id}"
    return f"style {item.label} {item.shape} {item.colour} {item.pattern}"


def _surfaces(room: Room) -> list[Part]:
    """Give the four walls, then the floor."""
    w, d, h, step = room.width, room.depth, room.height, _WALL_SPACING_M
    up = (0.0, 0.0, h)
    walls = [
        quad((0.0, 0.0, 0.0), (0.0, d, 0.0), up, step),
        quad((w, d, 0.0), (0.0, -d, 0.0), up, step),
        quad((w, 0.0, 0.0), (-w, 0.0, 0.0), up, step),
        quad((0.0, d, 0.0), (w, 0.0, 0.0), up, step),
    ]
    floor = quad((0.0, 0.0, 0.0), (w, 0.0, 0.0), (0.0, d, 0.0), _FLOOR_SPACING_M)
    return [Part((patch,), "surface") for patch in (*walls, floor)]


def room_mesh(room: Room) -> RoomMesh:
    """Build all surfaces of the room, the hidden ones too."""
    rng = stream(room.seed, "materials")
    palette, builder = Palette(rng), _Builder()
    for item in room.furniture:
        own, piece = palette.of(item), as_piece(item)
        style = stream(room.seed, _style(item))
        for part in BUILDERS[item.label](piece, style, spacing_of(piece)):
            if part.material not in own:
                own[part.material] = palette.fixed(part.material)
            builder.add(part, _placing(item), item.object_id, own[part.material])
    wall, floor = palette.wall(), palette.floor()
    for instance, part in enumerate(_surfaces(room), start=len(room.furniture)):
        builder.add(part, np.eye(4), instance, floor if instance == floor_id(room) else wall)
    return builder.mesh(palette.table())
