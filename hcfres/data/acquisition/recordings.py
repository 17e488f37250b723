"""A scan's frames: looked for, and extracted from its recording, one recording at a time."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hcfres.data.acquisition.inventory import Item, State, absent
from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.origin import Origin
from hcfres.data.acquisition.partial import bytes_there
from hcfres.data.acquisition.release import COLOUR_AND_DEPTH_BYTES, ReleaseFile
from hcfres.data.dataset import FRAME_FOLDERS, Dataset
from hcfres.data.errors import DataError, too_many
from hcfres.data.files import write_bytes
from hcfres.data.frame_images import FETCH_AGAIN
from hcfres.data.scan_info import read_scan_info
from hcfres.data.scannet import INFO
from hcfres.data.sens.begin import InTheWayError
from hcfres.data.sens.extract import extract_frames
from hcfres.data.sens.recording import index_sens
from hcfres.data.sens.survey import SURVEY_NAME, read_extraction, verify_frames

STAGING = "acquiring"
"""Folder of the dataset in which recordings and frames wait until they are whole."""

ToldBytes = Callable[[int, int | None], None]
ToldFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class Listeners:
    """Who is told how far a scan is."""

    fetched: ToldBytes = lambda *_: None
    extracted: ToldFrames = lambda *_: None


def examine_frames(order: Order, scene: str) -> Item:
    """Look for a scan's frames or, where none are to be extracted, for frames or its recording."""
    recording = _with_known_size(order, scene)
    kind, path = "frames", f"frames/{scene}"
    if (folder := _frames_folder(order, scene)) is not None:
        state, reason = _state_of_frames(order, scene)
        left = 0 if state == "there" else recording.typical_bytes
        return Item(kind, str(folder.relative_to(order.root)), state, left, reason)
    place = order.root / recording.path
    if place.exists():
        try:
            index_sens(place)
        except DataError as error:
            return Item(
                "recording", recording.path, "corrupt", recording.typical_bytes, error.reason
            )
        if order.frames_every is None:
            return Item("recording", recording.path, "there")
        return Item(kind, path, "missing", 0, "its recording is here, not extracted yet")
    if order.frames_every is None:
        return absent(recording, order.root)
    begun = bytes_there(recording_target(order, scene))
    left = max(recording.typical_bytes - begun, 0)
    return Item(kind, path, "begun" if begun else "missing", left)


def bring_frames(
    order: Order, scene: str, origin: Origin | None, told: Listeners | None = None
) -> None:
    """Extract a scan's frames from its recording, fetched if need be, and verify them.

    Frames appear in their place all at once. A recording that was fetched is deleted after that
    when the order says so; one that was there before, or lies in the user's own folder, stays.
    An interrupted run goes on where it was, in the middle of the recording or of the frames.

    Raises:
        DataError: there is no recording; it is broken; or frames are in the way that this program
            did not extract.
        StoreError: the disk is full.
    """
    if order.frames_every is None:
        raise ValueError("bring_frames needs frames_every")
    told = told or Listeners()
    staging, frames = order.root / STAGING / scene, order.root / "frames" / scene
    if _frames_folder(order, scene) is not None:
        state, reason = _state_of_frames(order, scene)
        if state == "there":
            return _tidy(order, scene)
        if frames.is_dir() and not (frames / SURVEY_NAME).is_file():
            raise DataError(frames, reason, "Move this folder away; it was not extracted by hcfres")
    sens = _recording(order, scene, origin, told)
    try:
        try:
            extract_frames(sens, staging, order.frames_every, 1, told.extracted)
        except InTheWayError:
            shutil.rmtree(staging)  # an earlier run's, of another recording or step
            extract_frames(sens, staging, order.frames_every, 1, told.extracted)
    except DataError as error:
        if error.source == str(sens) and _is_fetched(order, scene, sens):
            _give_up_on(sens, error)
        raise
    if findings := verify_frames(staging):
        raise DataError(staging, too_many(list(findings)).rstrip(), "Run the same command again")
    _put_in_place(staging, frames)
    _tidy(order, scene)


def sweep(order: Order) -> None:
    """Delete what runs that were killed at the very end left of scans whose frames are there."""
    folder = order.root / STAGING
    for path in folder.iterdir() if folder.is_dir() else ():
        scene = path.name.partition(".")[0]
        if not (order.root / "frames" / scene / SURVEY_NAME).is_file():
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif order.drop_sens:
            path.unlink(missing_ok=True)


def fetch_recording(order: Order, scene: str, origin: Origin, told: Listeners) -> Path:
    """Fetch a recording to its place and hold its lengths against the file."""
    file, target = order.recording_of(scene), recording_target(order, scene)
    came_from = origin.fetch(file, target, told.fetched)
    try:
        index_sens(target)
    except DataError as error:
        target.unlink()
        reason = f"{came_from} was fetched whole, and is no recording: {error.reason}"
        raise DataError(target, reason, "The copy there is damaged; try another") from None
    return target


def recording_target(order: Order, scene: str) -> Path:
    """Name the file a recording is fetched to: its own place, or where it is soon deleted."""
    file = order.recording_of(scene)
    if order.drop_sens:
        return order.root / STAGING / Path(file.path).name
    return order.root / file.path


def _recording(order: Order, scene: str, origin: Origin | None, told: Listeners) -> Path:
    """The recording: in its place, in the user's folder, left by a killed run, or fetched."""
    file = order.recording_of(scene)
    at_home, target = order.root / file.path, recording_target(order, scene)
    if at_home.exists():
        return at_home
    if target.exists():
        return target
    if origin is None:
        raise DataError(at_home, "this scan has no recording", "Say with --from where it is")
    return origin.place(file) or fetch_recording(order, scene, origin, told)


def _is_fetched(order: Order, scene: str, sens: Path) -> bool:
    return order.drop_sens and sens == recording_target(order, scene)


def _broken_note(sens: Path) -> Path:
    return sens.with_name(f"{sens.stem}.broken")


def _give_up_on(sens: Path, error: DataError) -> None:
    """Delete what was fetched and is broken: the next run fetches it anew, but only once.

    Raises:
        DataError: it was fetched anew and is broken in the same way; then it stays.
    """
    note, said = _broken_note(sens), f"{error.place}: {error.reason}".encode()
    if note.is_file() and note.read_bytes() == said:
        way_out = f"It came twice like this and is kept; to fetch it once more, delete {sens}"
        raise DataError(error.source, error.reason, way_out, error.place) from None
    write_bytes(note, said)
    sens.unlink()


def _tidy(order: Order, scene: str) -> None:
    """Delete what a finished scan leaves behind: only ever in the folder for it."""
    shutil.rmtree(order.root / STAGING / scene, ignore_errors=True)
    if order.drop_sens:
        sens = recording_target(order, scene)
        sens.unlink(missing_ok=True)
        _broken_note(sens).unlink(missing_ok=True)


def _put_in_place(staging: Path, frames: Path) -> None:
    for leftover in staging.rglob("*.partial"):
        leftover.unlink()
    old = staging.with_name(f"{staging.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    frames.parent.mkdir(parents=True, exist_ok=True)
    if frames.is_dir():
        frames.rename(old)
    staging.rename(frames)
    shutil.rmtree(old, ignore_errors=True)


def _with_known_size(order: Order, scene: str) -> ReleaseFile:
    """The recording with an estimate by the scan's own number of frames, where its `.txt` is."""
    file = order.recording_of(scene)
    path = (order.root / file.path).with_name(f"{scene}{INFO}")
    try:
        said = read_scan_info(path).get("numDepthFrames") or ""
    except DataError:
        said = ""
    if not (said.isascii() and said.isdigit() and len(said) < 8):
        return file
    size = max(int(said), 1) * COLOUR_AND_DEPTH_BYTES
    return ReleaseFile(file.dataset, file.unit, file.kind, file.path, file.addresses, size)


def _frames_folder(order: Order, scene: str) -> Path | None:
    """Where a scan's frames are, in whichever layout."""
    if not any((order.root / name / scene).is_dir() for name in FRAME_FOLDERS):
        return None
    return Dataset(order.root).frames_folder(scene)


def _state_of_frames(order: Order, scene: str) -> tuple[State, str]:
    """Say whether the frames that are there can be used as asked: names, sizes, then some read."""
    dataset = Dataset(order.root, FETCH_AGAIN)
    try:
        step = _step(dataset, scene)
        usable = dataset.frame_indices(scene)
        if not usable:
            raise DataError(dataset.frames_folder(scene), "no frame has a pose")
        for index in sorted({usable[0], usable[len(usable) // 2], usable[-1]}):
            dataset.frame(scene, index)
    except DataError as error:
        return "corrupt", str(error)
    if order.frames_every is not None and order.frames_every % step:
        asked = f"every {order.frames_every}th is asked for"
        return "missing", f"every {step}th frame is here, {asked}"
    return "there", ""


def _step(dataset: Dataset, scene: str) -> int:
    """How far apart in the recording the frames that are there lie, once all of them are there."""
    folder = dataset.frames_folder(scene)
    if (folder / SURVEY_NAME).is_file():
        extraction = read_extraction(folder)
        if lacking := _lacking(folder, {frame.index for frame in extraction.frames}):
            raise DataError(folder, lacking)
        return extraction.every
    listing = dataset.frame_listing(scene)
    numbers = sorted((*listing.usable, *listing.invalid))
    return min((b - a for a, b in pairwise(numbers)), default=1)


def _lacking(folder: Path, expected: set[int]) -> str:
    """Which images and poses are not there or are empty, by their names and sizes alone."""
    for kind in ("color", "depth", "pose"):
        files = (folder / kind).iterdir() if (folder / kind).is_dir() else ()
        there = {p.stem for p in files if p.stem.isdigit() and p.stat().st_size > 0}
        if absent_ones := sorted(expected - {int(stem) for stem in there}):
            few = ", ".join(map(str, absent_ones[:5]))
            return f"{kind}: {len(absent_ones)} of {len(expected)} files are missing: {few}"
    return ""
