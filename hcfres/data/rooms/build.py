"""A whole dataset of rooms in ScanNet's layout: scans, frames, split lists and expressions."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hcfres.config.setting import RoomsConfig
from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.dataset import LABEL_TABLE, Source, shared_files
from hcfres.data.files import write_bytes
from hcfres.data.rooms.code import rooms_code
from hcfres.data.rooms.expressions import make_expressions, make_scanrefer
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.marker import Flaws, Marker, files_in
from hcfres.data.rooms.seeds import ROOMS_VERSION, TRAIN, VAL, scene_id
from hcfres.data.rooms.writer import write_label_table, write_room

Progress = Callable[[int, int, str], None]
"""Told how many rooms are done, of how many, and the name of the last."""
BuiltSplit = Literal["train", "val"]

SENTENCES_MARKER = "made/sentences.json"

_WRITTEN: tuple[Source, ...] = ("multi3drefer", "scanrefer")
_EXPRESSION_SEED = 0
_SCANREFER_SHARE = 3
"""ScanRefer gets one description for so many of Multi3DRefer's."""


def room_seeds(config: RoomsConfig) -> dict[BuiltSplit, tuple[int, ...]]:
    """List the seeds of each split's rooms.

    Raises:
        ValueError: more rooms are asked for than a split has seeds.
    """
    wanted: dict[BuiltSplit, tuple[int, range]] = {
        "train": (config.train_rooms, TRAIN),
        "val": (config.val_rooms, VAL),
    }
    for split, (count, seeds) in wanted.items():
        if count > len(seeds):
            raise ValueError(
                f"{split}_rooms is {count}, but there are only {len(seeds)} {split} seeds"
            )
    return {split: tuple(seeds[:count]) for split, (count, seeds) in wanted.items()}


def _room_marker(root: Path, seed: int, frames: int) -> Marker:
    told = {"rooms_version": ROOMS_VERSION, "seed": seed, "frames": frames}
    return Marker(root / "made" / f"{scene_id(seed)}.json", root, told, rooms_code())


def _sentences_marker(config: RoomsConfig, root: Path) -> Marker:
    told = {"rooms_version": ROOMS_VERSION, "rooms": config.model_dump()}
    return Marker(root / SENTENCES_MARKER, root, told, rooms_code())


def room_flaws(seed: int, root: Path, frames: int, hashes: bool = False) -> Flaws | None:
    """Say what is wrong with a room's files; None where today's maker never finished it.

    Today's is the maker of this version, with this code or code that is marked as making the same.

    Args:
        seed: the room's.
        root: the dataset's folder.
        frames: how many it has.
        hashes: read every file, not its size alone.
    """
    folders = [root / kind / scene_id(seed) for kind in ("scans", "frames")]
    return _room_marker(root, seed, frames).flaws(files_in(folders), hashes)


def sentences_flaws(config: RoomsConfig, root: Path, hashes: bool = False) -> Flaws | None:
    """Say what is wrong with the label table, the lists and the sentences; as `room_flaws`."""
    there = (path for path in _sentence_files(root) if path.is_file())
    return _sentences_marker(config, root).flaws(there, hashes)


def is_made(seed: int, root: Path, frames: int) -> bool:
    """Tell whether this room's files are complete, today's maker's and as they were written."""
    return room_flaws(seed, root, frames) == {}


def are_sentences_made(config: RoomsConfig, root: Path) -> bool:
    """Tell whether the files of `write_sentences` are complete, and likewise."""
    return sentences_flaws(config, root) == {}


def make_room_files(seed: int, root: Path, frames: int) -> bool:
    """Write one room's scan and frames under `root`, whole or not at all; False if it was there.

    An unfinished attempt, a damaged room, or a room of another version or other code, is replaced.
    """
    if is_made(seed, root, frames):
        return False
    name, marker = scene_id(seed), _room_marker(root, seed, frames)
    marker.remove()
    partial = root / "made" / f"{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    write_room(make_room(seed, name), partial / "scans", partial / "frames", frames)
    places = {kind: root / kind / name for kind in ("scans", "frames")}
    for kind, place in places.items():
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        (partial / kind).rename(place)
    shutil.rmtree(partial)
    marker.write(files_in(tuple(places.values())))
    return True


def write_sentences(config: RoomsConfig, root: Path) -> None:
    """Write the label table, the split lists and the expressions of all rooms."""
    marker = _sentences_marker(config, root)
    marker.remove()
    write_label_table(root / LABEL_TABLE)
    counts: dict[BuiltSplit, int] = {
        "train": config.train_expressions_per_room,
        "val": config.val_expressions_per_room,
    }
    for split, seeds in room_seeds(config).items():
        names = [scene_id(seed) for seed in seeds]
        rooms = [make_room(seed, name) for seed, name in zip(seeds, names, strict=True)]
        count = counts[split]
        general = [
            e for room in rooms for e in make_expressions(room, count, _EXPRESSION_SEED, split)
        ]
        fewer = max(1, count // _SCANREFER_SHARE)
        single = [e for room in rooms for e in make_scanrefer(room, fewer, _EXPRESSION_SEED, split)]
        write_multi3drefer(root / f"multi3drefer_{split}.json", general)
        write_scanrefer(root / f"ScanRefer_filtered_{split}.json", single)
        write_bytes(root / f"scannetv2_{split}.txt", "".join(f"{n}\n" for n in names).encode())
    marker.write(_sentence_files(root))


def _sentence_files(root: Path) -> tuple[Path, ...]:
    names = dict.fromkeys(name for source in _WRITTEN for name in shared_files(source))
    return tuple(root / name for name in names)


def make_rooms(config: RoomsConfig, root: Path, progress: Progress) -> int:
    """Write the whole dataset under `root` and give the number of rooms that had to be made.

    What is already there and whole is kept, so that an interrupted build goes on where it stopped.
    """
    seeds = [seed for split in room_seeds(config).values() for seed in split]
    made = 0
    for done, seed in enumerate(seeds, start=1):
        made += make_room_files(seed, root, config.frames_per_room)
        progress(done, len(seeds), scene_id(seed))
    if not are_sentences_made(config, root):
        write_sentences(config, root)
    return made
