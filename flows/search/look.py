"""The one look at validation in a study's life: about whom it was (decision 163)."""

from pathlib import Path

from pydantic import ValidationError

from flows.planning.plan import PlanError
from flows.search.cells import SearchCells
from hcfres.config.base import Config
from hcfres.config.identity import digest
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.data.errors import DataError
from hcfres.store.files import write_atomic

COMPARED = "compared.json"
"""In a study's folder: whom validation was asked about."""


class Look(Config):
    """The content of a compared.json."""

    winner: str
    """Its name."""
    identity: str
    """Its digest."""


def read_look(folder: Path) -> Look | None:
    """Whom validation was asked about; None before it was.

    Raises:
        DataError: the note is damaged.
    """
    note = folder / COMPARED
    try:
        return Look.model_validate_json(note.read_bytes()) if note.exists() else None
    except ValidationError as error:
        raise DataError(
            note,
            f"not a note of whom validation was asked about ({error.errors()[0]['msg']})",
            "Take it from a copy. Remove it only where no winner was compared yet: it keeps a "
            "second look from being a choice by validation",
        ) from None


def require_first_look(cells: SearchCells, winner: MethodConfig) -> None:
    """Note that validation is about to be asked about a winner; going on with the same is free.

    Raises:
        PlanError: it was asked about another: choosing by a second look is choosing by validation.
        DataError: the note of it is damaged.
    """
    ours = Look(winner=winner.name, identity=digest(winner))
    looked = read_look(cells.folder) or _look_without_note(cells, ours)
    if looked is not None and looked.identity != ours.identity:
        raise PlanError(
            f"{cells.folder}: validation was asked about {looked.winner}, and the winner is now "
            f"{ours.winner}. A second look would choose by validation; another seed of the sampler "
            "is another study"
        )
    write_atomic(cells.folder / COMPARED, ours.model_dump_json().encode())


def _look_without_note(cells: SearchCells, ours: Look) -> Look | None:
    """Find a former winner that `hcfres reproduce` evaluated with a further seed."""
    known = (ours.identity, digest(cells.search.space.base))
    for path in sorted((cells.folder / "methods").glob("*.toml")):
        method = load(path, MethodConfig)
        if digest(method) not in known and _is_evaluated(cells, method):
            return Look(winner=method.name, identity=digest(method))
    return None


def _is_evaluated(cells: SearchCells, method: MethodConfig) -> bool:
    values = cells.search.space.values_of(method)
    if values is None:
        return False
    planned = (cells.planned(values, method.name, s) for s in cells.search.config.confirm.seeds)
    return any(cell.state in ("done", "other code") for cell in planned)
