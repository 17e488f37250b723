"""From a seed to a furnished room."""

import numpy as np

from hcfres.data.rooms.catalogue import Wish
from hcfres.data.rooms.furnisher import Furnisher
from hcfres.data.rooms.plan import Plan
from hcfres.data.rooms.programs import PROGRAMS, openings
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.seeds import ROOMS_VERSION, split_of
from hcfres.data.rooms.solids import as_piece, rest

FEWEST = 8
MOST = 20
_EXTRAS = (
    ("picture", 0.2), ("box", 0.16), ("plant", 0.12), ("chair", 0.12), ("stool", 0.08),
    ("backpack", 0.1), ("trash can", 0.1), ("lamp", 0.06), ("bookshelf", 0.03), ("cabinet", 0.03),
)  # fmt: skip
_ROUNDS = 60


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Give the random numbers of one purpose of one room, independent of every other's."""
    return np.random.default_rng([ROOMS_VERSION, seed, *purpose.encode()])


def program_of(seed: int) -> int:
    """Draw which entry of PROGRAMS furnishes the room."""
    chances = np.array([chance for chance, _, _ in PROGRAMS])
    return int(stream(seed, "program").choice(len(PROGRAMS), p=chances / chances.sum()))


def scene_type(seed: int) -> str:
    """Name the kind of room as ScanNet's sceneType does."""
    return PROGRAMS[program_of(seed)][1]


def make_room(seed: int, scene_id: str) -> Room:
    """Furnish a room: 8 to 20 objects, the same for the same seed.

    Objects rest on the floor, hang on a wall or stand on each other, and never overlap. The
    room's frame has a corner of the floor at the origin and +z up. A seed that belongs to no
    split is a ValueError.
    """
    split = split_of(seed)
    for attempt in range(_ROUNDS):
        rng = stream(seed, f"layout {attempt}")
        plan = _empty(rng)
        house = Furnisher(plan, split, rng)
        openings(house)
        PROGRAMS[program_of(seed)][2](house)
        _extras(house)
        if len(plan.furniture) >= FEWEST:
            return plan.room(scene_id, seed)
    raise RuntimeError(
        f"seed {seed} gave no room of at least {FEWEST} objects in {_ROUNDS} attempts"
    )


def _empty(rng: np.random.Generator) -> Plan:
    width, depth = rng.uniform(3.5, 5.6), rng.uniform(3.0, 4.6)
    return Plan(
        float(width), float(depth), float(rng.uniform(2.4, 2.65)), int(rng.integers(13, MOST + 1))
    )


def _extras(house: Furnisher) -> None:
    """Fill up with small things; two classes come again and again."""
    labels, weights = zip(*_EXTRAS, strict=True)
    chances = np.array(weights) / sum(weights)
    often = [str(label) for label in house.rng.choice(labels, size=2, replace=False, p=chances)]
    for _ in range(_ROUNDS):
        if house.plan.full:
            return
        repeat = house.chance(0.55)
        label = often[house.rng.integers(2)] if repeat else str(house.rng.choice(labels, p=chances))
        _extra(house, label)


def _extra(house: Furnisher, label: str) -> None:
    if label == "picture":
        house.hang(house.piece("picture"), house.rng.uniform(1.25, 1.55), 0.05)
        return
    if (
        label in ("box", "plant", "backpack", "lamp")
        and house.chance(0.5)
        and _on_something(house, label)
    ):
        return
    if (
        label in ("box", "backpack", "stool", "trash can")
        and house.chance(0.3)
        and _under_something(house, label)
    ):
        return
    wish = Wish(shape="tall") if label == "lamp" else None
    piece = house.piece(label, wish)
    if label in ("chair", "stool", "box") and house.chance(0.3):
        house.in_the_open(piece)
        return
    house.against_wall(piece, corner=0.45)


def _on_something(house: Furnisher, label: str) -> bool:
    free = [
        f.object_id
        for f in house.plan.furniture
        if rest(as_piece(f)) is not None and f.label != "couch"
    ]
    if not free:
        return False
    supporter = free[house.rng.integers(len(free))]
    low = {"plant": Wish(shape="low"), "lamp": Wish(shape="low")}.get(label, Wish(size="small"))
    turn = house.jitter(label)
    return house.on_top(house.piece(label, low), supporter, turn) is not None


def _under_something(house: Furnisher, label: str) -> bool:
    tables = [
        f.object_id
        for f in house.plan.furniture
        if f.label in ("table", "desk") and f.extent[2] > 0.6
    ]
    if not tables:
        return False
    table = tables[house.rng.integers(len(tables))]
    return house.under(house.piece(label, Wish(size="small")), table) is not None
