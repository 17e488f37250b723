"""Where the files of experiments/ are, and how a person may name them."""

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
