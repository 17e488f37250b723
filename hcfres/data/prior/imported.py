"""Features from elsewhere, kept beside the store and never in it.

A result of the store says which code, weights and frames made it. Nobody knows that of a file from
elsewhere, so it gets a place of its own, `imported/<dataset>/<scene>/`: `features.safetensors` with
the partition that the features were made for, and `source.toml`, which says what was read.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.data.features import SuperpointFeatures, Superpoints
from hcfres.data.prior.features import PriorFeatures
from hcfres.store.arrays import load_arrays, save_arrays
from hcfres.store.errors import StoreError
from hcfres.store.files import file_hash, write_atomic
from hcfres.store.toml import write_toml

IMPORTED = "imported"
"""The folder of a workspace."""
_VALUE, _SOURCE = "features.safetensors", "source.toml"
_WAY_OUT = "Bring the features in again with `hcfres data import-features`"


@dataclass(frozen=True)
class Import:
    """One scan's features from elsewhere, in the folder they are kept in."""

    folder: Path

    def write(self, value: PriorFeatures, sources: tuple[Path, ...]) -> None:
        """Keep `value` and the hashes of the files it was read from, in place of what was there.

        Raises:
            StoreError: the disk is full.
        """
        (self.folder / _SOURCE).unlink(missing_ok=True)
        save_arrays(self.folder / _VALUE, value)
        about = {
            "partition": value.partition,
            "superpoints": len(value.features),
            "width": value.features.shape[1],
            "vertices": len(value.labels),
            "features": file_hash(self.folder / _VALUE),
            "read_from": {path.name: file_hash(path) for path in sources},
        }
        write_atomic(self.folder / _SOURCE, write_toml(about).encode())

    def features(self, superpoints: Superpoints) -> SuperpointFeatures:
        """The features on `superpoints`, which must be those that they were made for.

        Raises:
            DataError: nothing was imported, it is damaged, or it is for another partition.
        """
        return self._read().on(superpoints.labels, self.folder)

    def superpoints(self) -> Superpoints:
        """The partition that the features were made for.

        Raises:
            DataError: nothing was imported, or it is damaged.
        """
        return Superpoints(self._read().labels)

    def _read(self) -> PriorFeatures:
        try:
            about = tomllib.loads((self.folder / _SOURCE).read_text(encoding="utf-8"))
            whole = about["features"] == file_hash(self.folder / _VALUE)
            value = load_arrays(self.folder / _VALUE, PriorFeatures) if whole else None
            partition = about["partition"]
        except FileNotFoundError:
            raise DataError(self.folder, "there are no imported features", _WAY_OUT) from None
        except (OSError, KeyError, StoreError, ValueError) as error:
            raise DataError(self.folder, f"damaged ({error})", _WAY_OUT) from error
        if value is None or value.partition != partition:
            raise DataError(self.folder, "damaged: it is not what was written", _WAY_OUT)
        return value


def import_of(workspace: Path, dataset: str, scene_id: str) -> Import:
    """Where a scan's imported features are, or would be."""
    return Import(workspace / IMPORTED / dataset / scene_id)
