"""Where the files of experiments/ are, and how a person may name them."""

import shlex
from pathlib import Path

from hcfres.config.loading import ConfigError

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ROOT / "experiments"
REPORTS = ROOT / "reports"
DEFAULT_SETTING = "rooms"
"""The embedded default: what runs on any machine."""


def experiment_file(name: str | Path) -> Path:
    """Find a table's file by path or by name, e.g. `table3_ablation`."""
    return _find(name, EXPERIMENTS)


def method_file(name: str | Path) -> Path:
    """Find a method's file by path or by name, e.g. `hcf_res`."""
    return _find(name, EXPERIMENTS / "methods")


def setting_file(name: str | Path) -> Path:
    """Find a setting's file by path or by name, e.g. `rooms`."""
    return _find(name, EXPERIMENTS / "settings")


def experiment_word(path: Path) -> str:
    """Say a table's file as a command takes it: by its name where that finds it, else by path."""
    return _word(path, EXPERIMENTS)


def setting_word(named: str | Path) -> str:
    """Say a setting as a command takes it, by its name where that finds it, else by path."""
    return _word(Path(named), EXPERIMENTS / "settings")


def _word(path: Path, folder: Path) -> str:
    found = path.resolve()
    if not found.is_file():
        return shlex.quote(str(path))
    return found.stem if found.parent == folder else shlex.quote(str(found))


def setting_names() -> tuple[str, ...]:
    """Name every setting there is."""
    return tuple(sorted(path.stem for path in (EXPERIMENTS / "settings").glob("*.toml")))


def table_files() -> tuple[Path, ...]:
    """Give the files of the paper's tables, in order."""
    return tuple(sorted(EXPERIMENTS.glob("table*.toml")))


def _find(name: str | Path, folder: Path) -> Path:
    given = Path(name)
    for path in (given, folder / given, folder / f"{given}.toml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in folder.glob("*.toml")))
    raise ConfigError(f"no file {name} here or in {folder}; there are: {known}")
