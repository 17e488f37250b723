"""How a room lies in the world of its scan."""

import numpy as np
from jaxtyping import Float

from hcfres.data.rooms.layout import stream
from hcfres.data.rooms.room import Room


def room_to_world(room: Room) -> Float[np.ndarray, "4 4"]:
    """Map the room's frame to the scan's world: turned about the vertical and shifted, metres.

    Like a real scan's, the world is not axis-aligned; the inverse is the scan's axisAlignment.
    """
    rng = stream(room.seed, "world")
    angle = rng.uniform(-np.pi, np.pi)
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:2, 3] = rng.uniform(-2.0, 6.0, 2)
    matrix[2, 3] = rng.uniform(-0.1, 0.1)
    return matrix
