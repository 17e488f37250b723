"""What the encoders learn from: pictures of rooms, with the object seen at every pixel."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from hcfres.data.rooms.room import Room


@dataclass(frozen=True)
class RoomViews:
    """One room from several places."""

    room: Room
    colour: UInt8[np.ndarray, "frames height width 3"]
    instances: Int[np.ndarray, "frames height width"]
    """object_id of the furniture at each pixel; walls, floor and ceiling have ids of their own
    from len(room.furniture) on."""
    exposed: Float[np.ndarray, "frames objects"]
    """Share of each object's silhouette within the picture that nothing hides; 0 where it is not
    in the picture."""


Views = Callable[[int], RoomViews]
"""Gives the views of the room of a seed."""


@dataclass(frozen=True)
class View:
    """One picture."""

    room: Room
    colour: UInt8[np.ndarray, "height width 3"]
    instances: Int[np.ndarray, "height width"]
    exposed: Float[np.ndarray, " objects"]


def view(views: RoomViews, frame: int) -> View:
    """Take one picture of a room."""
    return View(views.room, views.colour[frame], views.instances[frame], views.exposed[frame])


def draw_view(source: Views, seeds: range, rng: np.random.Generator) -> View:
    """Draw one picture of one room, mirrored half of the time."""
    views = source(int(rng.choice(seeds)))
    drawn = view(views, int(rng.integers(len(views.colour))))
    if rng.random() < 0.5:
        return drawn
    return View(drawn.room, drawn.colour[:, ::-1], drawn.instances[:, ::-1], drawn.exposed)
