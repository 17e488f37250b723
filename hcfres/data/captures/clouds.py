"""The cloud or mesh that lies beside a recording."""

from pathlib import Path

from hcfres.data.errors import DataError


def only_cloud(told: Path | None, *folders: Path) -> Path | None:
    """The cloud that was given, else the one PLY of the first folder that has any, else None.

    Raises:
        DataError: a folder has several.
    """
    if told is not None:
        return told
    for folder in folders:
        found = plys(folder)
        if len(found) > 1:
            names = ", ".join(path.name for path in found[:5])
            reason = f"there are {len(found)} clouds: {names}"
            raise DataError(folder, reason, "Say which one is meant: --cloud FILE")
        if found:
            return found[0]
    return None


def plys(folder: Path) -> list[Path]:
    """The PLY files of a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ".ply" and p.is_file())
