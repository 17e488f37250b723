"""What is in a folder."""

from pathlib import Path


def contents(root: Path) -> dict[str, bytes]:
    """The bytes of every file, by its path in the folder."""
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }
