"""What is asked for: which dataset, which scans, what of each, and from where."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.acquisition.release import (
    DatasetName,
    ReleaseFile,
    SentencesName,
    is_test_scan,
    list_files,
    recording,
    scan_files,
    sentence_files,
)
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError, too_many
from hcfres.data.files import read_text
from hcfres.data.scannet import SCENE_ID

_SPLITS = ("train", "val", "test")
_OWN_LISTS = "Delete the file and put ScanNet's own list there, or acquire it again with --from"


@dataclass(frozen=True)
class Order:
    """One dataset, as far as a method needs it, into one folder."""

    dataset: DatasetName
    root: Path
    """The dataset's folder; ScanRefer and Multi3DRefer lie in ScanNet's."""
    source: str | None = field(default=None, repr=False)
    """A folder, a zip archive, or an address, each laid out as the release is; None: none.

    An address may hold a password or a signature: it is told, and written down, without them."""
    frames: bool = False
    """The method looks at images."""
    frames_every: int | None = None
    """Extract every k-th frame of the recordings; None: leave the recordings as they are."""
    drop_sens: bool = False
    """Delete each recording that was fetched as soon as its frames are extracted."""
    setting: str = "rooms"
    """Whose dataset it is, for people."""

    def files_of(self, scene: str) -> tuple[ReleaseFile, ...]:
        """Name the files of a scan, its recording left out: the frames are looked for first."""
        return scan_files(scene, self.is_test(scene))

    def recording_of(self, scene: str) -> ReleaseFile:
        """Name the recording of a scan."""
        return recording(scene, self.is_test(scene))

    @property
    def sentences(self) -> SentencesName | None:
        """The dataset, when it consists of sentences alone."""
        match self.dataset:
            case "scanrefer" | "multi3drefer":
                return self.dataset
        return None

    def shared_files(self) -> tuple[ReleaseFile, ...]:
        """Name the files that belong to no scan."""
        if self.sentences is not None:
            return sentence_files(self.sentences)
        return list_files() if self.dataset == "scannet" else ()

    def is_test(self, scene: str) -> bool:
        """Tell whether a scan is of ScanNet's hidden test; rooms have none."""
        return self.dataset == "scannet" and is_test_scan(scene)


def order_for(
    dataset: DatasetName, setting: SettingConfig, method: MethodConfig, root: Path
) -> Order:
    """Ask for the smallest set of files with which `method` runs in `setting`.

    Point clouds alone (MDIN) need no frames. Segments and objects are asked for in every case:
    without them a training or validation scan has no targets.
    """
    if dataset != "rooms" and setting.data.kind != "scannet":
        reason = f"{dataset} is of no use to the setting `{setting.name}`: its scans are rooms"
        raise DataError("--setting", reason, "Name a setting with kind = scannet")
    return Order(dataset, root, frames=method.semantics is not None, setting=setting.name)


def scenes_of(root: Path, asked: str | None) -> tuple[str, ...] | None:
    """Give the scans that are asked for; None while the lists that name them are missing.

    Args:
        asked: names with commas between; `train`, `val` or `test`; a file with one name a line;
            or a JSON file of sentences, whose scans are meant. None: the training and validation
            lists of the dataset's folder.

    Raises:
        DataError: something in it is no scan's name, a list that is there is broken, or the list
            of the test scans, which is not fetched, is missing.
    """
    if asked is None:
        return _listed(root, ("train", "val"))
    if asked in _SPLITS:
        path = root / f"scannetv2_{asked}.txt"
        if asked == "test" and not path.is_file():
            raise DataError(path, "there is no such list", "Put ScanNet's list of test scans there")
        return _listed(root, (asked,))
    path = Path(asked)
    if path.suffix == ".json" and path.is_file():
        names = re.findall(r'"scene_id"\s*:\s*"([^"]{1,100})"', read_text(path))
    else:
        names = (read_text(path) if path.is_file() else asked.replace(",", " ")).split()
    wrong = [f"{name!r} is no scan's name" for name in names if not SCENE_ID.fullmatch(name)]
    if wrong or not names:
        raise DataError(
            f"--scenes {asked}",
            too_many(wrong or ["there are no names"]).rstrip(),
            "Give scene0000_00,scene0001_00, a file with one name a line, or train, val, test",
        )
    return tuple(dict.fromkeys(names))


def _listed(root: Path, splits: tuple[str, ...]) -> tuple[str, ...] | None:
    if not all((root / f"scannetv2_{split}.txt").is_file() for split in splits):
        return None
    dataset = Dataset(root, _OWN_LISTS)
    names = [name for split in splits for name in dataset.scene_ids(split)]  # type: ignore[arg-type]
    return tuple(dict.fromkeys(names))
