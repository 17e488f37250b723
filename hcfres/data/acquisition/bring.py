"""Files to their places: what is missing or broken is fetched, looked at again, and kept or not."""

from collections.abc import Sequence

from hcfres.data.acquisition.checks import examine_scan, examine_shared
from hcfres.data.acquisition.inventory import Item, Unit
from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.origin import Origin, ServedArchive
from hcfres.data.acquisition.partial import bytes_there
from hcfres.data.acquisition.recordings import (
    Listeners,
    bring_frames,
    fetch_recording,
    recording_target,
)
from hcfres.data.acquisition.release import ReleaseFile, labelled_mesh
from hcfres.data.acquisition.space import require_room
from hcfres.data.acquisition.transfer import NotThereError, plain
from hcfres.data.errors import DataError, too_many

_FRAMES = ("frames", "recording")


def bring_scan(order: Order, scene: str, origin: Origin, told: Listeners | None = None) -> None:
    """Fetch what is missing or broken of a scan, and its frames where the order asks for them.

    Raises:
        DataError: a file cannot be had, or what was fetched is broken; such a file is not kept.
        StoreError: the disk is full.
    """
    told = told or Listeners()
    files = (*order.files_of(scene), labelled_mesh(scene))
    fetched = _bring(order, files, examine_scan(order, scene), origin, told)
    _require_good(order, fetched, examine_scan(order, scene))
    if not order.frames:
        return
    if order.frames_every is not None:
        bring_frames(order, scene, origin, told)
    elif not examine_scan(order, scene).complete:
        fetch_recording(order, scene, origin, told)


def bring_shared(order: Order, origin: Origin, told: Listeners | None = None) -> None:
    """Fetch the files that belong to no scan, and let go of an archive fetched for them.

    Raises:
        DataError, StoreError: as `bring_scan`.
    """
    files = order.shared_files()
    fetched = _bring(order, files, examine_shared(order)[0], origin, told or Listeners())
    _require_good(order, fetched, examine_shared(order)[0])
    if isinstance(origin, ServedArchive):
        origin.forget()


def require_room_for(order: Order, units: Sequence[Unit], jobs: int) -> None:
    """Refuse to begin when all of it will not fit, as far as sizes are known or estimated.

    With recordings dropped, as many of the largest are counted as are handled at once.

    Raises:
        DataError: the disk has too little room.
    """
    plain = sum(i.bytes_left for u in units for i in u.items if i.kind not in _FRAMES)
    sizes = [i.bytes_left for u in units for i in u.items if i.kind in _FRAMES]
    recordings = sum(sorted(sizes)[-jobs:]) if order.drop_sens else sum(sizes)
    waiting = [u.name for u in units for i in u.items if i.kind == "frames" and i.state != "there"]
    extracted = sum(order.recording_of(scene).typical_bytes for scene in waiting)
    if sizes and all(sizes):
        extracted = min(extracted, sum(sizes))
    frames = extracted // order.frames_every if order.frames_every else 0
    require_room(order.root, plain + recordings + frames, f"{len(units)} incomplete scans")


def with_known_sizes(order: Order, unit: Unit, origin: Origin, all_files: bool = True) -> Unit:
    """Put the sizes that the origin tells in the place of a unit's estimates.

    A file that the origin lacks keeps its estimate, and the reason says so.

    Raises:
        DataError: the origin refuses or does not answer.
    """
    files = {file.path: file for file in (*order.shared_files(), *_files_of_unit(order, unit))}
    items = tuple(
        _asked(item, files.get(item.path), order, unit, origin)
        if item.state != "there" and (all_files or item.kind in _FRAMES)
        else item
        for item in unit.items
    )
    return Unit(unit.dataset, unit.name, items)


def _files_of_unit(order: Order, unit: Unit) -> tuple[ReleaseFile, ...]:
    if order.dataset != "scannet" or unit.name == "lists":
        return ()
    return (*order.files_of(unit.name), labelled_mesh(unit.name), order.recording_of(unit.name))


def _asked(item: Item, file: ReleaseFile | None, order: Order, unit: Unit, origin: Origin) -> Item:
    if item.kind == "frames":
        file = order.recording_of(unit.name)
        if item.bytes_left == 0:  # its recording is here
            return item
    if file is None:
        return item
    target = order.root / file.path
    if file.kind == "recording":
        target = recording_target(order, unit.name)
    try:
        size = origin.size(file)
    except NotThereError as error:
        reason = f"{item.reason}; not there: {error.reason}".lstrip("; ")
        return Item(item.kind, item.path, item.state, item.bytes_left, reason)
    if size is None:
        return item
    left = max(size - bytes_there(target), 0)
    return Item(item.kind, item.path, item.state, left, item.reason)


def _bring(
    order: Order, files: Sequence[ReleaseFile], unit: Unit, origin: Origin, told: Listeners
) -> set[str]:
    """Fetch what is not there, and give the paths of what came."""
    fetched = set()
    state = {item.path: item.state for item in unit.items}
    for file in files:
        if state.get(file.path, "there") != "there":
            origin.fetch(file, order.root / file.path, told.fetched)
            fetched.add(file.path)
    return fetched


def _shown(source: str) -> str:
    """The source without its secrets."""
    return plain(source) if source.lower().startswith(("http://", "https://")) else source


def _require_good(order: Order, fetched: set[str], unit: Unit) -> None:
    """Refuse files that their readers refuse, and remove those of them that just came."""
    broken = [i for i in unit.items if i.state == "corrupt" and i.kind not in _FRAMES]
    for item in (item for item in broken if item.path in fetched):
        (order.root / item.path).unlink(missing_ok=True)
    if broken:
        problems = [f"{item.path}: {item.reason}" for item in broken]
        raise DataError(
            f"--from {_shown(order.source or '')}",
            f"with what was fetched there are {too_many(problems).rstrip()}\nWhat was fetched of "
            "these was not kept",
            "The copy there is damaged; try another",
        )
