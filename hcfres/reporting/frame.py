"""The one frame of results that every table is made from, whoever filled it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import Passport, passports_json, read_passports

IDENTITY = ("key", "method", "setting", "seed", "code")
PASSPORTS = "passports"
"""The column of the passports of a cell's numbers, as JSON; empty where it has none."""


@dataclass(frozen=True)
class CellRecord:
    """What a finished cell is worth."""

    key: str
    method: str
    setting: str
    seed: int
    code: str
    """Fingerprint of the code that made it."""
    metrics: dict[str, float]
    """Flat names, e.g. `val/miou`, `yardstick/class_oracle/miou`, `cost/params_m`."""
    passports: tuple[Passport, ...] = ()
    """Of `val/`, `yardstick/` (point level) and `box/`; none in results made before there were."""


def read_record(folder: Path) -> CellRecord:
    """Read what the cell in `folder` is worth.

    Raises:
        DataError: its results cannot be read.
    """
    try:
        told = json.loads((folder / "results.json").read_text())
        return CellRecord(
            key=told["key"],
            method=told["method"],
            setting=told["setting"],
            seed=int(told["seed"]),
            code=told["code"],
            metrics={name: float(value) for name, value in told["metrics"].items()},
            passports=read_passports(
                str(folder / "results.json"), json.dumps(told.get("passports", []))
            ),
        )
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            folder / "results.json",
            f"a finished cell without readable results ({error})",
            "Delete the cell's folder and run the grid again",
        ) from None


def results_frame(records: Iterable[CellRecord]) -> pd.DataFrame:
    """Lay records out, one row a cell, ordered by key; a metric a cell lacks is NaN."""
    ordered = sorted(records, key=lambda record: record.key)
    names = sorted({name for record in ordered for name in record.metrics})
    rows = [
        [*(getattr(record, field) for field in IDENTITY), passports_text(record.passports)]
        + [record.metrics.get(name, float("nan")) for name in names]
        for record in ordered
    ]
    return pd.DataFrame(rows, columns=[*IDENTITY, PASSPORTS, *names])


def passports_text(passports: tuple[Passport, ...]) -> str:
    """Passports as one text; "" for none."""
    return json.dumps(passports_json(passports)) if passports else ""


def passports_of(key: str, text: str) -> tuple[Passport, ...]:
    """The passports of a cell from `passports_text`.

    Raises:
        DataError: the text is something else.
    """
    return read_passports(f"results of cell {key}", text) if text else ()
