"""Looking at a dataset: every unit in parallel, the findings summarised, and then the fetching."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rich.console import Console

from flows import make_home
from flows.acquisition.jobs import look_at_room, look_at_scan, origin_of
from flows.acquisition.request import Asked
from flows.acquisition.table import show, tell_json
from flows.live.progress import ProgressBoard
from flows.live.screen import console_on
from flows.prefect_server import start_server
from flows.workers.pool import WorkerPool
from hcfres.data.acquisition.access import where_to_get, which_files
from hcfres.data.acquisition.bring import with_known_sizes
from hcfres.data.acquisition.checks import examine_rooms_shared, examine_shared
from hcfres.data.acquisition.inventory import Inventory, Item, Unit
from hcfres.data.acquisition.order import Order, scenes_of
from hcfres.data.acquisition.recordings import sweep
from hcfres.data.acquisition.release import TRAIN_SCANS, VAL_SCANS
from hcfres.data.rooms.build import room_seeds

_FEW = 16
"""Scans that are looked at without starting workers."""

T = TypeVar("T")


def check_or_fetch(asked: Asked, console: Console) -> bool:
    """Say what is there; fetch the rest when there is a source and that is what was asked.

    Returns:
        True when nothing is missing in the end.
    """
    request = asked.request
    for order in asked.orders:
        if order.source is not None:
            origin_of(order)  # a source that is none is refused before anything is begun
    quiet = console_on("stderr") if request.as_json else console
    inventory = take_inventory(asked, quiet, sizes=request.check)
    if not request.check:
        for order in asked.orders:
            sweep(order)
    if request.check or inventory.complete or request.source is None:
        if request.as_json:
            tell_json(inventory, asked, console)
        else:
            show(inventory, asked, console)
            _tell_way_out(inventory, asked, console)
        return inventory.complete
    make_home()
    start_server()
    from flows.acquisition.fetch import fetch_missing  # noqa: PLC0415  imports Prefect

    fetch_missing(asked, inventory, console)
    inventory = take_inventory(asked, quiet)
    show(inventory, asked, console)
    return inventory.complete


def take_inventory(asked: Asked, console: Console, sizes: bool = False) -> Inventory:
    """Look at everything that is asked for.

    Args:
        console: where progress is shown.
        sizes: ask the source, where there is one, how long the missing files are.
    """
    units: list[Unit] = []
    notes: list[str] = []
    with ProgressBoard(console).open() as board, WorkerPool(("cpu",) * asked.jobs) as pool:
        looking = Looking(asked, board, pool)
        for order in asked.orders:
            found, said = looking.at(order)
            notes += said
            if sizes and order.source is not None:
                found = looking.sizes(order, found)
            units += found
    known = sizes and asked.request.source is not None
    root = asked.orders[0].root
    return Inventory(asked.request.target, root, tuple(units), tuple(notes), not known)


class Looking:
    """Looks at units, many of them in parallel."""

    def __init__(self, asked: Asked, board: ProgressBoard, pool: WorkerPool) -> None:
        self._asked, self._board, self._pool = asked, board, pool

    def at(self, order: Order) -> tuple[list[Unit], list[str]]:
        """Look at one dataset; the notes say what is odd although nothing is missing."""
        rooms = self._asked.setting.data.rooms
        if order.dataset == "rooms" and rooms is not None:
            shared, said = examine_rooms_shared(order, rooms)
            seeds = [seed for split in room_seeds(rooms).values() for seed in split]
            frames = rooms.frames_per_room
            return [shared, *self.rooms(order, seeds, frames)], list(said)
        shared, said = examine_shared(order)
        if order.dataset != "scannet":
            return [shared], list(said)
        scenes = scenes_of(order.root, self._asked.request.scenes)
        if scenes is None:
            return [shared, _unlisted(order)], [*said, _UNLISTED]
        units = self.scans(order, scenes)
        return [shared, *units], list(said)

    def scans(self, order: Order, scenes: Sequence[str]) -> list[Unit]:
        """Look at scans."""
        if len(scenes) <= _FEW:
            return [look_at_scan(lambda _: None, order, scene) for scene in scenes]
        job = "flows.acquisition.jobs:look_at_scan"
        return self._spread("scans", scenes, lambda scene: self._pool.call(job, order, scene))

    def rooms(self, order: Order, seeds: Sequence[int], frames: int) -> list[Unit]:
        """Look at rooms."""
        if len(seeds) <= _FEW:
            return [look_at_room(lambda _: None, order, seed, frames) for seed in seeds]
        job = "flows.acquisition.jobs:look_at_room"
        return self._spread("rooms", seeds, lambda seed: self._pool.call(job, order, seed, frames))

    def sizes(self, order: Order, units: list[Unit], all_files: bool = True) -> list[Unit]:
        """Ask the source how long the missing files are."""
        origin = origin_of(order)
        with_gaps = [unit for unit in units if not unit.complete]
        asked = self._spread(
            "sizes", with_gaps, lambda unit: with_known_sizes(order, unit, origin, all_files)
        )
        known = {(unit.dataset, unit.name): unit for unit in asked}
        return [known.get((unit.dataset, unit.name), unit) for unit in units]

    def _spread(self, name: str, items: Sequence[Any], work: Callable[[Any], T]) -> list[T]:
        """Work in as many threads as there are jobs, with a bar; the results in order."""
        if not items:
            return []
        with (
            self._board.bar(name, len(items)) as bar,
            ThreadPoolExecutor(self._asked.jobs) as threads,
        ):

            def one(item: Any) -> T:
                result = work(item)
                bar.advance()
                return result

            try:
                return list(threads.map(one, items))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise


_UNLISTED = (
    "which scans there are stands in scannetv2_train.txt and scannetv2_val.txt; until these are "
    f"there the bytes are estimates for {TRAIN_SCANS + VAL_SCANS:,} scans"
)


def _unlisted(order: Order) -> Unit:
    """All scans of ScanNet as one unit, while the lists of them are missing."""
    example, count = "scene0000_00", TRAIN_SCANS + VAL_SCANS
    files = list(order.files_of(example))
    if order.frames:
        files.append(order.recording_of(example))
    name = f"{count:,} scans"
    items = []
    for file in files:
        path = file.path.replace(example, "*")
        items.append(Item(f"{file.kind} of {name}", path, "missing", file.typical_bytes * count))
    return Unit(order.dataset, name, tuple(items))


def _tell_way_out(inventory: Inventory, asked: Asked, console: Console) -> None:
    """Say where the missing files are had, once for each dataset that lacks any."""
    for order in asked.orders:
        if all(unit.complete for unit in inventory.units if unit.dataset == order.dataset):
            continue
        if order.dataset != "rooms":
            console.print(
                f"\nNeeded for `{asked.request.method}`, and nothing else:\n{which_files(order)}",
                highlight=False,
                markup=False,
            )
        console.print(f"\n{where_to_get(order)}", highlight=False, markup=False, soft_wrap=True)
