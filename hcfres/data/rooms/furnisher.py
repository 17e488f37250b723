"""Ways to put a piece somewhere sensible: against a wall, in a corner, on top, around a table."""

import math

import numpy as np

from hcfres.data.rooms.catalogue import Piece, Wish, draw_colour, draw_piece
from hcfres.data.rooms.plan import Plan, bounding_extent, place
from hcfres.data.rooms.room import Furniture
from hcfres.data.rooms.seeds import Split
from hcfres.data.rooms.solids import as_piece, local_extent, rest

_WALL_GAP_M = 0.02
_TRIES = 14


class Furnisher:
    """Draws pieces and places them; each method gives the new object's id, or None."""

    def __init__(self, plan: Plan, split: Split, rng: np.random.Generator) -> None:
        self.plan, self.split, self.rng = plan, split, rng

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < probability)

    def item(self, number: int) -> Furniture:
        """Look up an object that has been placed."""
        return self.plan.furniture[number]

    def piece(self, label: str, wish: Wish | None = None) -> Piece:
        """Draw a piece of a class."""
        return draw_piece(label, self.split, self.rng, wish)

    def wishes(self, label: str, count: int) -> list[Wish]:
        """Draw the traits of a group: all alike, of two colours, or each its own."""
        mood = self.rng.random()
        if mood > 0.75:
            return [Wish() for _ in range(count)]
        colours = [draw_colour(label, self.split, self.rng) for _ in range(1 if mood < 0.3 else 2)]
        alike = self.piece(label)
        size = alike.size if self.chance(0.6) else None
        return [
            Wish(
                colour=colours[self.rng.integers(len(colours))],
                pattern=alike.pattern,
                size=size,
                shape=alike.shape,
            )
            for _ in range(count)
        ]

    def wall_length(self, wall: int) -> float:
        """Length of a wall: 0 at x=0, 1 opposite, 2 at y=0, 3 opposite."""
        return self.plan.depth if wall < 2 else self.plan.width

    def wall_pose(self, wall: int, along: float, off: float) -> tuple[float, float, float]:
        """Give x, y and heading at a place along a wall, `off` metres into the room."""
        plan = self.plan
        return (
            (off, along, 0.0),
            (plan.width - off, along, math.pi),
            (along, off, math.pi / 2),
            (along, plan.depth - off, -math.pi / 2),
        )[wall]

    def _along(self, length: float, width: float, corner: bool) -> float | None:
        low, high = width / 2 + 0.03, length - width / 2 - 0.03
        if low > high:
            return None
        if corner:
            gap = self.rng.uniform(0, 0.04)
            return low + gap if self.chance(0.5) else high - gap
        return float(self.rng.uniform(low, high))

    def against_wall(
        self, piece: Piece, corner: float = 0.3, wall: int | None = None, tries: int = _TRIES
    ) -> int | None:
        """Stand the piece with its back to a wall; `corner` is the chance of a corner."""
        for _ in range(tries):
            chosen = int(self.rng.integers(4)) if wall is None else wall
            along = self._along(self.wall_length(chosen), piece.extent[1], self.chance(corner))
            if along is None:
                continue
            off = piece.extent[0] / 2 + _WALL_GAP_M + self.rng.uniform(0, 0.03)
            x, y, heading = self.wall_pose(chosen, along, off)
            added = self.plan.add(piece, place(piece, (x, y, 0.0), heading))
            if added is not None:
                return added
        return None

    def in_the_open(self, piece: Piece, margin: float = 0.5, tries: int = _TRIES) -> int | None:
        """Stand the piece away from the walls, square to them give or take a little."""
        for _ in range(tries):
            heading = math.pi / 2 * self.rng.integers(4) + self.jitter(piece.label)
            ex, ey, _ = bounding_extent(piece, heading)
            low = np.array([ex / 2 + margin, ey / 2 + margin])
            high = np.array([self.plan.width, self.plan.depth]) - low
            if (low > high).any():
                return None
            x, y = self.rng.uniform(low, high)
            added = self.plan.add(piece, place(piece, (x, y, 0.0), heading))
            if added is not None:
                return added
        return None

    def jitter(self, label: str) -> float:
        """Draw by how much a piece stands askew, radians; only light things do."""
        if label not in ("chair", "stool", "box", "backpack"):
            return 0.0
        return float(np.clip(self.rng.normal(0, 0.14), -0.36, 0.36))

    def beside(
        self, piece: Piece, anchor: int, side: int, gap: float, back: bool = True
    ) -> int | None:
        """Stand the piece to the left (+1) or right (-1) of another, facing the same way.

        With `back` their rears are in line; else their middles.
        """
        item = self.item(anchor)
        d, w, _ = local_extent(item)
        forward = (piece.extent[0] - d) / 2 if back else 0.0
        return self.relative(
            piece, anchor, forward, side * (w / 2 + gap + piece.extent[1] / 2), 0.0
        )

    def relative(
        self, piece: Piece, anchor: int, forward: float, left: float, turn: float
    ) -> int | None:
        """Stand the piece at an offset in the anchor's own frame, turned by `turn` against it."""
        item = self.item(anchor)
        c, s = math.cos(item.heading), math.sin(item.heading)
        x = item.centre[0] + c * forward - s * left
        y = item.centre[1] + s * forward + c * left
        return self.plan.add(piece, place(piece, (x, y, 0.0), item.heading + turn))

    def under(self, piece: Piece, table: int) -> int | None:
        """Stand the piece on the floor below a table or desk."""
        d, w, _ = local_extent(self.item(table))
        for _ in range(_TRIES):
            forward = self.rng.uniform(-0.2, 0.2) * d
            left = self.rng.uniform(-0.35, 0.35) * w
            turn = self.rng.integers(4) * math.pi / 2 + self.jitter(piece.label)
            added = self.relative(piece, table, forward, left, turn)
            if added is not None:
                return added
        return None

    def on_top(
        self, piece: Piece, supporter: int, turn: float = 0.0, rear: bool = False
    ) -> int | None:
        """Rest the piece on another; with `rear` at the supporter's back, facing as it does."""
        item = self.item(supporter)
        surface = rest(as_piece(item))
        if surface is None:
            return None
        ex, ey, _ = bounding_extent(piece, turn)
        low = np.array([surface.x0 + ex / 2, surface.y0 + ey / 2])
        high = np.array([surface.x1 - ex / 2, surface.y1 - ey / 2])
        if (low > high).any():
            return None
        for _ in range(_TRIES):
            forward, left = self.rng.uniform(low, high)
            if rear:
                forward = min(low[0] + self.rng.uniform(0, 0.04), high[0])
            added = self.plan.add(
                piece, self._resting(piece, item, (forward, left, surface.z), turn)
            )
            if added is not None:
                return added
        return None

    def _resting(
        self, piece: Piece, item: Furniture, offset: tuple[float, float, float], turn: float
    ) -> Furniture:
        c, s = math.cos(item.heading), math.sin(item.heading)
        bottom = item.centre[2] - item.extent[2] / 2
        position = (
            item.centre[0] + c * offset[0] - s * offset[1],
            item.centre[1] + s * offset[0] + c * offset[1],
            bottom + offset[2],
        )
        return place(piece, position, item.heading + turn, rests_on=item.object_id)

    def hang(
        self,
        piece: Piece,
        z: float,
        clear: float,
        wall: int | None = None,
        along: float | None = None,
    ) -> int | None:
        """Hang the piece with its lower edge at `z`, and keep `clear` metres before it free."""
        for _ in range(_TRIES):
            chosen = int(self.rng.integers(4)) if wall is None else wall
            length, width = self.wall_length(chosen), piece.extent[1]
            if width + 0.2 > length:
                continue
            at = (
                along
                if along is not None
                else float(self.rng.uniform(width / 2 + 0.1, length - width / 2 - 0.1))
            )
            x, y, heading = self.wall_pose(chosen, at, piece.extent[0] / 2 + 0.004)
            item = place(piece, (x, y, z), heading, on_wall=True)
            added = self.plan.add(piece, item)
            if added is not None:
                if clear > 0:
                    self._reserve(chosen, at, width, (z, z + piece.extent[2]), clear)
                return added
            if along is not None:
                return None
        return None

    def _reserve(
        self, wall: int, along: float, width: float, height: tuple[float, float], clear: float
    ) -> None:
        ax, ay, _ = self.wall_pose(wall, along - width / 2, 0.07)
        bx, by, _ = self.wall_pose(wall, along + width / 2, clear)
        self.plan.keep_clear(
            (min(ax, bx), min(ay, by), height[0], max(ax, bx), max(ay, by), height[1])
        )
