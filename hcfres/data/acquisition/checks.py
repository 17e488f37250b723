"""Looks at files: sizes first, then the readers that training itself uses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hcfres.config.setting import RoomsConfig
from hcfres.data.acquisition.inventory import Item, State, Unit, absent
from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.recordings import examine_frames
from hcfres.data.acquisition.release import (
    PUBLISHED,
    TITLES,
    ReleaseFile,
    SentencesName,
    labelled_mesh,
    sentence_files,
)
from hcfres.data.aggregation import read_aggregation
from hcfres.data.annotations.annotations import Annotations
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.dataset import LABEL_TABLE, Dataset
from hcfres.data.errors import DataError
from hcfres.data.labels import LabelTable, read_labels
from hcfres.data.ply import read_ply
from hcfres.data.ply_header import HEADER_LIMIT, parse_header
from hcfres.data.rooms.build import SENTENCES_MARKER, room_flaws, sentences_flaws
from hcfres.data.rooms.seeds import scene_id
from hcfres.data.scan_info import read_scan_info
from hcfres.data.segmentation import read_segments

SHARED = ("lists", "sentences")
"""Units that are no scans."""

_JSON_ENDS = (b"}", b"]")
_NOT_MADE = "it is not made yet, or other code made it"


def examine_scan(order: Order, scene: str) -> Unit:
    """Look at every file of a scan, and at its frames where the method looks at images."""
    items: list[Item] = []
    vertices: int | None = None
    files = order.files_of(scene)
    extra = labelled_mesh(scene)
    if (order.root / extra.path).exists():  # no method needs it, but it is read where it is
        files = (*files, extra)
    for file in files:
        path = order.root / file.path
        if not path.exists():
            items.append(absent(file, order.root))
            continue
        item = Item(file.kind, file.path, "there")
        with _read(file, items) as added:
            require_whole(path)
            if file.kind == "mesh":
                vertices = _vertices(path)
            elif file.kind == "labelled mesh":
                _require_labels(path, vertices)
            elif file.kind == "info":
                read_scan_info(path)
            elif file.kind == "objects":
                read_aggregation(path)
            elif vertices is not None:
                read_segments(path, vertices)
            added(item)
    if order.frames:
        items.append(examine_frames(order, scene))
    return Unit(order.dataset, scene, tuple(items))


def examine_room(order: Order, seed: int, frames: int) -> Unit:
    """Hold every file of a synthetic room against what was written; its maker repairs it."""
    scene = scene_id(seed)
    flaws = room_flaws(seed, order.root, frames, hashes=True)
    if flaws is None:
        missing = Item("room", f"scans/{scene}", "missing", 0, _NOT_MADE)
        return Unit("rooms", scene, (missing,))
    if flaws:
        items = tuple(_flawed(order, "room", path, reason) for path, reason in flaws.items())
        return Unit("rooms", scene, items)
    unit = examine_scan(order, scene)
    return Unit("rooms", scene, tuple(replace(item, bytes_left=0) for item in unit.items))


def _flawed(order: Order, kind: str, path: str, reason: str) -> Item:
    state: State = "corrupt" if (order.root / path).exists() else "missing"
    return Item(kind, path, state, 0, f"{path}: {reason}" if state == "missing" else reason)


def examine_shared(order: Order) -> tuple[Unit, tuple[str, ...]]:
    """Look at what belongs to no scan; the notes say what is odd about files that can be used."""
    if (dataset := order.sentences) is not None:
        return _examine_sentences(order.root, dataset)
    items: list[Item] = []
    for file in order.shared_files():
        path = order.root / file.path
        if not path.exists():
            items.append(absent(file, order.root))
            continue
        with _read(file, items) as added:
            if file.kind == "labels":
                read_labels(path)
            else:
                Dataset(order.root).scene_ids("train" if "train" in file.kind else "val")
            added(Item(file.kind, file.path, "there"))
    return Unit(order.dataset, "lists", tuple(items)), ()


def examine_rooms_shared(order: Order, rooms: RoomsConfig) -> tuple[Unit, tuple[str, ...]]:
    """Look at the lists and the sentences of rooms."""
    lists, _ = examine_shared(Order("scannet", order.root))
    units = [lists, *(_examine_sentences(order.root, name)[0] for name in PUBLISHED_NAMES)]
    items = {item.path: replace(item, bytes_left=0) for unit in units for item in unit.items}
    flaws = sentences_flaws(rooms, order.root, hashes=True)
    if flaws is None:
        flaws = {SENTENCES_MARKER: "nothing says that this code finished the sentences"}
    for path, reason in flaws.items():
        kind = items[path].kind if path in items else "sentences"
        items[path] = _flawed(order, kind, path, reason)
    return Unit("rooms", "lists and sentences", tuple(items.values())), ()


PUBLISHED_NAMES: tuple[SentencesName, ...] = ("multi3drefer", "scanrefer")


def require_whole(path: Path) -> None:
    """Refuse what its size or its end already betrays, before it is read.

    Raises:
        DataError: empty; a JSON file that does not end as one; a binary PLY file shorter than
            its header announces.
    """
    size = path.stat().st_size
    if size == 0:
        raise DataError(path, "the file is empty")
    with path.open("rb") as file:
        if path.suffix == ".json":
            file.seek(max(size - 64, 0))
            if not file.read().rstrip().endswith(_JSON_ENDS):
                raise DataError(path, "the file ends in the middle: it is truncated")
        elif path.suffix == ".ply":
            _require_rows(path, file.read(HEADER_LIMIT), size)


def _require_rows(path: Path, head: bytes, size: int) -> None:
    """Hold a binary PLY file's size against its header, every list of a face counted as empty."""
    header = parse_header(path, head)
    if header.encoding == "ascii":
        return
    least = header.size
    for element in header.elements:
        kinds = [column.count_kind or column.kind for column in element.properties]
        least += element.count * sum(int(kind[1:]) for kind in kinds)
    if size < least:
        raise DataError(path, f"{size} bytes of at least {least}: it is truncated")


@contextmanager
def _read(file: ReleaseFile, items: list[Item]) -> Iterator[Callable[[Item], None]]:
    """Turn what a reader refuses into an item."""
    try:
        yield items.append
    except DataError as error:
        where = f"{error.place}: " if error.place else ""
        reason = f"{where}{error.reason}"
        items.append(Item(file.kind, file.path, "corrupt", file.typical_bytes, reason))


def _vertices(path: Path) -> int:
    mesh = read_ply(path)
    if mesh.colours is None:
        raise DataError(path, "the mesh has no colours")
    return len(mesh.vertices)


def _require_labels(path: Path, vertices: int | None) -> None:
    labels = read_ply(path).labels
    if labels is None or vertices not in (None, len(labels)):
        count = "no" if labels is None else len(labels)
        raise DataError(path, f"{count} labels for a mesh of {vertices} vertices")


def _examine_sentences(root: Path, dataset: SentencesName) -> tuple[Unit, tuple[str, ...]]:
    items: list[Item] = []
    notes: list[str] = []
    for file in sentence_files(dataset):
        path = root / file.path
        if not path.exists():
            items.append(absent(file, root))
            continue
        with _read(file, items) as added:
            require_whole(path)
            found = _sentences(path, dataset)
            if not found.expressions:
                raise DataError(path, f"none of its {found.total} entries can be used")
            added(Item(file.kind, file.path, "there"))
            notes += _oddities(root, file, dataset, found)
    return Unit(dataset, "sentences", tuple(items)), tuple(notes)


def _sentences(path: Path, dataset: SentencesName) -> Annotations:
    if dataset == "multi3drefer":
        return read_multi3drefer(path)
    table = path.parent / LABEL_TABLE  # it decides what is `unique`, not what can be read
    return read_scanrefer(path, read_labels(table) if table.exists() else LabelTable(()))


def _oddities(
    root: Path, file: ReleaseFile, dataset: SentencesName, found: Annotations
) -> Iterator[str]:
    published = PUBLISHED[dataset, file.kind]
    name = f"{TITLES[dataset]} {file.kind}"
    if found.total != published:
        yield f"{name}: {found.total:,} descriptions; {published:,} were published"
    if found.rejected:
        yield f"{name}: {len(found.rejected):,} entries cannot be used, first {found.rejected[0]}"
    scenes = {item.scene_id for item in found.expressions}
    absent_scans = sorted(name for name in scenes if not (root / "scans" / name).is_dir())
    if absent_scans:
        few = ", ".join(absent_scans[:3])
        yield (
            f"{name}: {len(absent_scans)} of its {len(scenes)} scans are not on the disk "
            f"({few}, ...); `hcfres acquire scannet --scenes {root / file.path}` is about these"
        )
