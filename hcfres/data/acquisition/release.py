"""The files of ScanNet v2, ScanRefer and Multi3DRefer as they are published, and of them ours.

No address is known here: `addresses` are relative to whatever the user was given.
"""

from dataclasses import dataclass
from typing import Literal

from hcfres.data.dataset import EXPRESSION_FILES, LABEL_TABLE
from hcfres.data.scannet import INFO, LABELS, MESH, OBJECTS, SEGMENTS

DatasetName = Literal["rooms", "scannet", "scanrefer", "multi3drefer"]
SentencesName = Literal["scanrefer", "multi3drefer"]

SENS = ".sens"
TRAIN_SCANS, VAL_SCANS = 1201, 312
FIRST_TEST_SPACE = 707
"""Spaces from this number on are ScanNet's hidden test."""

COLOUR_AND_DEPTH_BYTES = 405_000
"""Of one frame in a `.sens`: about 1 TB in 2,470,933 frames."""

TITLES: dict[DatasetName, str] = {
    "rooms": "rooms",
    "scannet": "ScanNet v2",
    "scanrefer": "ScanRefer",
    "multi3drefer": "Multi3DRefer",
}

PUBLISHED: dict[tuple[SentencesName, str], int] = {
    ("scanrefer", "train"): 36_665,
    ("scanrefer", "val"): 9_508,
    ("multi3drefer", "train"): 43_838,
    ("multi3drefer", "val"): 11_120,
}
"""Descriptions of each split."""

_ENTRY_BYTES = {"scanrefer": 800, "multi3drefer": 280}
ARCHIVES: dict[DatasetName, tuple[str, ...]] = {
    "scanrefer": ("ScanRefer_filtered.zip", "ScanRefer.zip"),
    "multi3drefer": ("multi3drefer_train_val.zip",),
}
"""Archives that may hold the sentences, where they are not served as plain files."""


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a published dataset, and its place in ours."""

    dataset: DatasetName
    unit: str
    """The scan it belongs to, or what else it is told with: `lists`, `sentences`."""
    kind: str
    """What it is, in a word: mesh, segments, objects, info, recording, labels, list, sentences."""
    path: str
    """Relative to our dataset's folder."""
    addresses: tuple[str, ...]
    """Relative to the address that the user was given; the first that is there is taken."""
    typical_bytes: int
    """An estimate from the published sizes."""


_SCAN_FILES = (("mesh", MESH, 5_600_000), ("info", INFO, 700))
_ANNOTATION = (("segments", SEGMENTS, 950_000), ("objects", OBJECTS, 7_000))


def scan_files(scene: str, is_test: bool) -> tuple[ReleaseFile, ...]:
    """Name the files of a scan that every method needs: mesh, `.txt`, and its annotation.

    The annotation, segments and objects, is needed whatever the superpoints are made from: the
    targets are made of segments. Test scans have none.
    """
    kinds = _SCAN_FILES if is_test else _SCAN_FILES + _ANNOTATION
    return tuple(
        _scan_file(scene, kind, suffix, size, is_test, ("v2/scans",))
        for kind, suffix, size in kinds
    )


def recording(scene: str, is_test: bool) -> ReleaseFile:
    """Name the `.sens` of a scan; the release serves those of train and val from its v1."""
    folders = ("v2/scans",) if is_test else ("v1/scans", "v2/scans")
    return _scan_file(scene, "recording", SENS, 1639 * COLOUR_AND_DEPTH_BYTES, is_test, folders)


def labelled_mesh(scene: str) -> ReleaseFile:
    """Name the mesh with labels, which no method needs; one that is there is read, though."""
    return _scan_file(scene, "labelled mesh", LABELS, 5_900_000, False, ("v2/scans",))


def list_files() -> tuple[ReleaseFile, ...]:
    """Name the label table and the lists of the training and validation scans."""
    table = ReleaseFile(
        "scannet",
        "lists",
        "labels",
        LABEL_TABLE,
        (f"v2/tasks/{LABEL_TABLE}", f"tasks/{LABEL_TABLE}", LABEL_TABLE),
        55_800,
    )
    return (table, *(_list_file(split, count) for split, count in _SCANS.items()))


_SCANS = {"train": TRAIN_SCANS, "val": VAL_SCANS}


def sentence_files(dataset: SentencesName) -> tuple[ReleaseFile, ...]:
    """Name the training and validation sentences of ScanRefer or Multi3DRefer."""
    files = []
    for split in ("train", "val"):
        name = EXPRESSION_FILES[dataset].format(split=split)
        size = PUBLISHED[dataset, split] * _ENTRY_BYTES[dataset]
        files.append(ReleaseFile(dataset, "sentences", split, name, (name,), size))
    return tuple(files)


def is_test_scan(scene: str) -> bool:
    """Tell by its number whether a scan of ScanNet is of the hidden test."""
    return int(scene[5:9]) >= FIRST_TEST_SPACE


def _list_file(split: str, count: int) -> ReleaseFile:
    name = f"scannetv2_{split}.txt"
    places = ("", "v2/", "Tasks/Benchmark/", "splits/", "meta_data/")
    addresses = tuple(f"{place}{name}" for place in places)
    return ReleaseFile("scannet", "lists", f"{split} list", name, addresses, 13 * count)


def _scan_file(
    scene: str, kind: str, suffix: str, size: int, is_test: bool, folders: tuple[str, ...]
) -> ReleaseFile:
    """The release's own folders, then those its script makes, then the scans' folder itself."""
    ours = "scans_test" if is_test else "scans"
    places = [f"{folder}/" for folder in (*folders, *(("scans_test",) if is_test else ()), "scans")]
    addresses = tuple(f"{place}{scene}/{scene}{suffix}" for place in [*places, ""])
    return ReleaseFile("scannet", scene, kind, f"{ours}/{scene}/{scene}{suffix}", addresses, size)
