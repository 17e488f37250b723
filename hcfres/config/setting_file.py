"""Reading a setting's file: it is called as the setting is, and no two settings share a name.

Results, tables and studies are kept by a setting's name, so that two settings of one name would be
mixed in all of them.
"""

from pathlib import Path

from hcfres.config.experiment import DatasetName
from hcfres.config.loading import ConfigError, load
from hcfres.config.setting import SettingConfig

SHIPPED = Path(__file__).resolve().parents[2] / "experiments" / "settings"
"""The repository's own settings, of which each name means one thing everywhere."""


def load_setting(path: Path) -> SettingConfig:
    """Read a setting's file, wherever it lies.

    A copy of a shipped setting may ask another dataset's sentences: a table and a search say whose
    are asked, and a search keeps its setting as it was asked.

    Raises:
        ConfigError: it is not there, not valid, calls itself otherwise than its file, or is called
            as a shipped setting is and differs from it.
    """
    setting = load(path, SettingConfig)
    if setting.name != path.stem:
        raise ConfigError(
            f"{path} names its setting {setting.name!r}; file and name are the same: write "
            f'name = "{path.stem}" in it, or rename the file'
        )
    _refuse_shipped_name(path, setting)
    return setting


def setting_path_beside(path: Path, name: str) -> Path:
    """Where the setting of that name is: in `settings/` beside the file `path`.

    Args:
        name: or the path of a setting's own file, which is then the answer.
    """
    named = Path(name)
    return named if named.suffix == ".toml" else path.parent / "settings" / f"{name}.toml"


def setting_asking(dataset: DatasetName, path: Path) -> SettingConfig:
    """The setting of the file `path`, asking `dataset`'s sentences.

    Raises:
        ConfigError: as `load_setting`.
    """
    return _asking(dataset, load_setting(path))


def _asking(sentences: str, setting: SettingConfig) -> SettingConfig:
    data = setting.data.model_copy(update={"expressions": sentences})
    return setting.model_copy(update={"data": data})


def _refuse_shipped_name(path: Path, setting: SettingConfig) -> None:
    """Refuse a file elsewhere that is called as a shipped setting is, and is another."""
    shipped = SHIPPED / f"{setting.name}.toml"
    if not shipped.is_file() or shipped.samefile(path):
        return
    known = load(shipped, SettingConfig)
    own = _asking(known.data.expressions, setting)
    differing = [key for key, value in known if value != getattr(own, key)]
    if differing:
        raise ConfigError(
            f"{path} is called as {shipped} is, and differs from it in {', '.join(differing)}: "
            "their results would be mixed. Rename the file and, in it, `name`"
        )
