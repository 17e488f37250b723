"""A cell with weights and without predictions: published weights that were imported.

Nothing here imports torch before there is something to answer.
"""

from pathlib import Path

from rich.console import Console

from hcfres.store.workspace import Workspace

_WEIGHTS, _PREDICTIONS = "weights.safetensors", "predictions.parquet"
_IMPORTED = "import.json"


def unanswered(source: str) -> Path | None:
    """The folder of imported weights that a person means, if it has no predictions yet.

    Args:
        source: a folder, or the first characters of the name of one of the workspace's cells.
    """
    given, cells = Path(source), Workspace().cells
    found = cells.iterdir() if cells.is_dir() else ()
    begun = [path for path in found if path.name.startswith(source)]
    known = [given] if given.is_dir() else begun
    if len(known) != 1 or (known[0] / _PREDICTIONS).exists():
        return None
    return known[0] if (known[0] / _IMPORTED).exists() and (known[0] / _WEIGHTS).exists() else None


def answered(source: str, console: Console) -> str:
    """The same source, or the predictions in the folder it means.

    Where it means imported weights without predictions, the validation split is answered first.

    Raises:
        DataError: something that the answers are made from is not on this machine; all of it is
            listed.
    """
    folder = unanswered(source)
    if folder is not None:
        from flows.cells.answer_validation import answer_validation  # noqa: PLC0415

        answer_validation(folder, console)
        return str(folder / _PREDICTIONS)
    file = Path(source) / _PREDICTIONS
    return str(file) if file.is_file() else source
