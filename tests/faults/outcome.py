"""What a finished grid comes to, times apart: no fault may change any of it."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from safetensors.numpy import load_file

from hcfres.store.files import fresh_hash

_TABLE = "table2"
"""The grid's own; of cells that others lack they estimate the time."""
_MEASURED = re.compile("^time/|^spent/|_ms$")
_MEASURED_OF_EPOCH = {"seconds", "memory_mb", "seconds_left"}
_SAME_BYTES = ("cell.json", "predictions.parquet", "best_held_out/predictions.parquet")
_WEIGHTS = ("weights.safetensors", "best_held_out/weights.safetensors")
"""The same tensors: the order of the texts in its header is not always the same."""
_NOTHING = "val/all/nothing"
"""The share of sentences that are answered with nothing."""


@dataclass(frozen=True)
class Outcome:
    """Tables, and by cell its numbers, its curve and its files."""

    tables: dict[str, str]
    """The hash of each file."""
    metrics: dict[str, dict[str, float]]
    curves: dict[str, list[dict]]
    files: dict[str, str]
    """The hash of each."""

    def differences(self, other: "Outcome") -> list[str]:
        """Name what differs in another outcome."""
        found = [f"{name} differs" for name in _unlike(self.tables, other.tables)]
        found += [f"{name} differs" for name in _unlike(self.files, other.files)]
        for key in sorted(self.metrics.keys() | other.metrics.keys()):
            mine, theirs = self.metrics.get(key, {}), other.metrics.get(key, {})
            found += [f"cell {key}: {name} differs" for name in _unlike(mine, theirs)][:3]
        found += [f"cell {key}: its curve differs" for key in _unlike(self.curves, other.curves)]
        return found

    def blind_spots(self) -> list[str]:
        """Name what would hide that rows, weights or answers were mixed up."""
        found = [] if self.tables else ["there are no tables"]
        found += [
            f"cell {key} answers all with nothing"
            for key, told in self.metrics.items()
            if told[_NOTHING] == 1.0
        ]
        scores = {key: _scores(told) for key, told in self.metrics.items()}
        return found + [
            f"cells {one} and {other} have the same scores"
            for one, other in combinations(sorted(scores), 2)
            if scores[one] == scores[other]
        ]


def read_outcome(workspace: Path) -> Outcome:
    """Read what is on the disk of a workspace."""
    reports = workspace / "reports" / "faults"
    tables = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(reports.glob(f"{_TABLE}.*"))
    }
    cells = sorted(path.parent for path in workspace.glob("cells/*/DONE.json"))
    return Outcome(
        tables,
        {cell.name: _metrics(cell) for cell in cells},
        {cell.name: _curve(cell) for cell in cells},
        {name: found for cell in cells for name, found in _files(cell)},
    )


def _files(cell: Path) -> Iterator[tuple[str, str]]:
    for name in _SAME_BYTES:
        yield f"{cell.name}/{name}", fresh_hash(cell / name)
    for weights in _WEIGHTS:
        whole = hashlib.sha256()
        for name, tensor in sorted(load_file(cell / weights).items()):
            whole.update(f"{name} {tensor.dtype} {tensor.shape}".encode() + tensor.tobytes())
        yield f"{cell.name}/{weights}", whole.hexdigest()


def _metrics(cell: Path) -> dict[str, float]:
    told: dict[str, float] = json.loads((cell / "results.json").read_text())["metrics"]
    return {name: value for name, value in told.items() if not _MEASURED.search(name)}


def _scores(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.startswith("val/")}


def _curve(cell: Path) -> list[dict]:
    lines = (json.loads(line) for line in (cell / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in told.items() if k not in _MEASURED_OF_EPOCH} for told in lines]


def _unlike(one: dict, other: dict) -> list[str]:
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
