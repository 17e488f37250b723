"""Any file of experiments/, whatever it holds."""

from pathlib import Path

from hcfres.config.loading import load, read_toml
from hcfres.config.method import MethodConfig
from hcfres.config.rows import Experiment, load_experiment
from hcfres.config.search_file import Search, load_search
from hcfres.config.setting import SettingConfig


def load_any(path: Path) -> MethodConfig | SettingConfig | Experiment | Search:
    """Read a method, a setting, a table or a search: its folder or its tables say which."""
    if path.parent.name == "methods":
        return load(path, MethodConfig)
    if path.parent.name == "settings":
        return load(path, SettingConfig)
    return load_search(path) if "space" in read_toml(path) else load_experiment(path)
