"""What kinds of room there are, and how each is furnished."""

import math
from collections.abc import Callable

from hcfres.data.rooms.catalogue import Wish
from hcfres.data.rooms.furnisher import Furnisher
from hcfres.data.rooms.solids import local_extent


def openings(house: Furnisher) -> None:
    """Add the door, windows and their curtains, and sometimes a whiteboard."""
    house.hang(house.piece("door"), 0.0, 0.7)
    for _ in range(int(house.rng.choice(3, p=(0.2, 0.5, 0.3)))):
        window = house.hang(house.piece("window"), house.rng.uniform(0.85, 1.0), 0.25)
        if window is not None and house.chance(0.55):
            _curtains(house, window)


def _curtains(house: Furnisher, window: int) -> None:
    first = house.piece("curtain")
    wish = Wish(first.colour, first.pattern, first.size)
    width = local_extent(house.item(window))[1]
    wall, along = _wall_of(house, window)
    for side in (-1, 1) if house.chance(0.7) else (1,):
        piece = house.piece("curtain", wish)
        at = along + side * (width / 2 + piece.extent[1] / 2 + 0.03)
        house.hang(piece, house.rng.uniform(0.3, 0.4), 0.3, wall, at)


def _wall_of(house: Furnisher, number: int) -> tuple[int, float]:
    """Find the wall an object hangs on, and where along it."""
    x, y, _ = house.item(number).centre
    gaps = (x, house.plan.width - x, y, house.plan.depth - y)
    wall = gaps.index(min(gaps))
    return wall, y if wall < 2 else x


def chairs_around(house: Furnisher, table: int, count: int, label: str = "chair") -> None:
    """Stand chairs around a table, facing it, some pushed under."""
    d, w, _ = local_extent(house.item(table))
    round_table = house.item(table).shape == "round"
    places = _round_places(count) if round_table else _square_places(w, count)
    turn0 = house.rng.integers(4) * math.pi / 2
    for (angle, slide), wish in zip(places, house.wishes(label, count), strict=False):
        piece = house.piece(label, wish)
        reach = (d if round_table or abs(math.cos(angle)) > 0.5 else w) / 2
        tuck = house.rng.uniform(-0.06, 0.12) - (0.03 if round_table else 0.0)
        if label == "stool":
            tuck -= 0.05
        away = reach + piece.extent[0] / 2 - tuck
        bearing = angle + (turn0 if round_table else 0.0)
        forward = math.cos(bearing) * away - math.sin(bearing) * slide
        left = math.sin(bearing) * away + math.cos(bearing) * slide
        askew = float(house.rng.normal(0, 0.09))
        house.relative(piece, table, forward, left, bearing + math.pi + max(-0.3, min(0.3, askew)))


def _round_places(count: int) -> list[tuple[float, float]]:
    """Bearings around a round table; chairs stay square to an axis, so four at most."""
    return [(math.pi / 2 * k, 0.0) for k in range(min(count, 4))]


def _square_places(width: float, count: int) -> list[tuple[float, float]]:
    """Bearing from the table's middle and slide along its edge, long sides first."""
    per_side = 3 if width > 1.65 else 2 if width > 1.1 else 1
    slides = [(k - (per_side - 1) / 2) * width / per_side for k in range(per_side)]
    long_sides = [(side, slide) for slide in slides for side in (0.0, math.pi)]
    ends = [(math.pi / 2, 0.0), (-math.pi / 2, 0.0)]
    return (long_sides + ends)[:count]


def _desk_set(house: Furnisher) -> None:
    desk = house.against_wall(house.piece("desk"), corner=0.45)
    if desk is None:
        return
    d, w, _ = local_extent(house.item(desk))
    for _ in range(1 if house.chance(0.7) else 2):
        house.on_top(house.piece("monitor"), desk, rear=True)
    if house.chance(0.9):
        piece = house.piece("chair")
        away = d / 2 + piece.extent[0] / 2 - house.rng.uniform(-0.05, 0.15)
        house.relative(
            piece, desk, away, -0.17 * w + 0.05, math.pi + float(house.rng.uniform(-0.2, 0.2))
        )
    if house.chance(0.35):
        house.on_top(house.piece("lamp", Wish(shape="low")), desk)
    if house.chance(0.4):
        house.under(house.piece("trash can", Wish(size="small")), desk)


def office(house: Furnisher) -> None:
    """Furnish two to four desks with monitors, and storage."""
    for _ in range(int(house.rng.integers(2, 5))):
        _desk_set(house)
    storage(house, int(house.rng.integers(1, 3)))
    _whiteboard(house, 0.5)


def _whiteboard(house: Furnisher, probability: float) -> None:
    if house.chance(probability):
        house.hang(house.piece("whiteboard"), house.rng.uniform(0.95, 1.1), 0.3)


def storage(house: Furnisher, count: int, label: str | None = None) -> None:
    """Stand cabinets or bookshelves against the walls."""
    for _ in range(count):
        chosen = label or ("cabinet" if house.chance(0.5) else "bookshelf")
        house.against_wall(house.piece(chosen), corner=0.4)


def meeting(house: Furnisher) -> None:
    """Furnish a big table with many chairs, and a whiteboard."""
    _whiteboard(house, 0.9)
    wish = Wish(shape="rectangular", size="large") if house.chance(0.7) else Wish()
    table = house.in_the_open(house.piece("table", wish), margin=0.75)
    if table is None:
        table = house.in_the_open(house.piece("table", Wish(shape="square")), margin=0.5)
    if table is not None:
        chairs_around(house, table, int(house.rng.integers(4, 9)))
    storage(house, int(house.rng.integers(0, 3)))


def living(house: Furnisher) -> None:
    """Furnish couches with pillows, a table before them, lamps."""
    for _ in range(1 if house.chance(0.6) else 2):
        couch = house.against_wall(house.piece("couch"), corner=0.2, tries=40)
        if couch is None:
            continue
        for wish in house.wishes("pillow", int(house.rng.integers(1, 5))):
            house.on_top(house.piece("pillow", _upright(wish, house)), couch, rear=True)
        _before_couch(house, couch)
        if house.chance(0.6):
            side = 1 if house.chance(0.5) else -1
            house.beside(house.piece("lamp", Wish(shape="tall")), couch, side, 0.06)
    storage(house, int(house.rng.integers(1, 3)))


def _upright(wish: Wish, house: Furnisher) -> Wish:
    """Let a pillow stand against the back of a couch."""
    return Wish(wish.colour, wish.pattern, wish.size, wish.shape, (0.15, 0.42, 0.36))


def _before_couch(house: Furnisher, couch: int) -> None:
    if house.chance(0.75):
        extent = (0.55, 0.95, 0.42)
        piece = house.piece("table", Wish(shape="rectangular", size="small", extent=extent))
        d = local_extent(house.item(couch))[0]
        away = (d + piece.extent[0]) / 2 + house.rng.uniform(0.3, 0.45)
        table = house.relative(piece, couch, away, house.rng.uniform(-0.2, 0.2), 0.0)
        if table is not None and house.chance(0.4):
            house.on_top(
                house.piece("box" if house.chance(0.5) else "plant", _little(house)), table
            )


def _little(house: Furnisher) -> Wish:
    return Wish(size="small", extent=(0.26, 0.26, 0.3))


def bedroom(house: Furnisher) -> None:
    """Furnish a bed or two with pillows, nightstands and lamps."""
    for _ in range(1 if house.chance(0.7) else 2):
        bed = house.against_wall(house.piece("bed"), corner=0.25, tries=40)
        if bed is None:
            continue
        for wish in house.wishes("pillow", int(house.rng.integers(1, 4))):
            house.on_top(house.piece("pillow", wish), bed, rear=True)
        wishes = house.wishes("nightstand", 2)
        for side, wish in zip((-1, 1), wishes, strict=True):
            stand = house.beside(
                house.piece("nightstand", wish), bed, side, house.rng.uniform(0.03, 0.1)
            )
            if stand is not None and house.chance(0.75):
                house.on_top(house.piece("lamp", Wish(shape="low")), stand)
    storage(house, int(house.rng.integers(1, 3)), "cabinet")
    if house.chance(0.4):
        _desk_set(house)


def kitchen(house: Furnisher) -> None:
    """Furnish a refrigerator, cabinets, and a table with chairs or stools."""
    house.against_wall(house.piece("refrigerator"), corner=0.7, tries=30)
    for wish in house.wishes("cabinet", int(house.rng.integers(2, 5))):
        house.against_wall(house.piece("cabinet", wish), corner=0.2)
    table = house.in_the_open(house.piece("table"), margin=0.6)
    if table is not None:
        label = "chair" if house.chance(0.65) else "stool"
        chairs_around(house, table, int(house.rng.integers(3, 7)), label)
    house.against_wall(house.piece("trash can"), corner=0.4)


def store_room(house: Furnisher) -> None:
    """Furnish shelves in a row and boxes about them."""
    storage(house, int(house.rng.integers(3, 6)))
    if house.chance(0.6):
        _desk_set(house)
    for wish in house.wishes("box", int(house.rng.integers(3, 7))):
        house.against_wall(house.piece("box", wish), corner=0.35)


PROGRAMS: tuple[tuple[float, str, Callable[[Furnisher], None]], ...] = (
    (0.20, "Office", office),
    (0.20, "Conference Room", meeting),
    (0.26, "Living room / Lounge", living),
    (0.18, "Bedroom / Hotel", bedroom),
    (0.12, "Kitchen", kitchen),
    (0.09, "Storage/Basement/Garage", store_room),
)
"""Chance, ScanNet's sceneType, and how it is furnished."""
