"""What a file of sentences holds and what in it cannot be used, entry by entry."""

from pathlib import Path

from rich.console import Console

from hcfres.data.dataset import Dataset, sources_of


def list_sentences(path: Path, console: Console) -> None:
    """Print, for each split in the file, the counts, every rejected entry and every doubt.

    Raises:
        DataError: as `Dataset.annotations`, or the file's name is none that is known.
    """
    path = path.absolute()
    held = sources_of(path)
    dataset = Dataset(path.parent)
    for source, split in held:
        found = dataset.annotations(source, split)
        used, left_out = len(found.expressions), len(found.rejected)
        lines = [
            f"{source} {split}: {used} expressions, {left_out} entries left out, "
            f"{len(found.notes)} doubts"
        ]
        lines += [f"left out: {item}" for item in found.rejected]
        lines += [f"doubt: {item}" for item in found.notes]
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
