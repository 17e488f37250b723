"""An experiment's rows as complete methods, and its cells: all built before anything starts."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hcfres.config.cell import CellConfig
from hcfres.config.experiment import (
    AblationConfig,
    ComparisonConfig,
    ExperimentConfig,
    flat,
    merge,
)
from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError, load, parse, read_toml
from hcfres.config.method import MethodConfig
from hcfres.config.names import require_name
from hcfres.config.problems import nearest, shorten
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import setting_asking, setting_path_beside


@dataclass(frozen=True)
class Row:
    """A line of a table that runs here."""

    name: str
    """What `--only` takes: the method's file, or the switches that are on, e.g. `vsd+mlf`."""
    method: MethodConfig
    switches: dict[str, bool]
    """Empty but in an ablation."""
    paper: dict[str, float]
    """The paper's numbers by column; a column the paper leaves out is absent."""


@dataclass(frozen=True)
class Experiment:
    """A table's file with every row built."""

    name: str
    """The file's name, e.g. `table3_ablation`."""
    config: ExperimentConfig
    rows: tuple[Row, ...]
    source: Path

    def row(self, name: str) -> Row:
        """The row of that name, or a ConfigError that lists them."""
        for row in self.rows:
            if row.name == name:
                return row
        known = [row.name for row in self.rows]
        raise ConfigError(f"{self.source} has no row {name!r}; {nearest(name, known, 'rows')}")

    def setting(self, name: str | None = None) -> SettingConfig:
        """The named setting (else the file's own), asking this experiment's expressions.

        Args:
            name: of a file in `settings/` beside this one, or the path of a file.

        Raises:
            ConfigError: as `load_setting`.
        """
        return setting_asking(self.config.dataset, self.setting_path(name))

    def setting_path(self, name: str | None = None) -> Path:
        """The file that `setting` reads."""
        return setting_path_beside(self.source, name or self.config.setting)

    def cells(
        self,
        setting: SettingConfig,
        only: tuple[str, ...] = (),
        seeds: tuple[int, ...] = (),
    ) -> tuple[tuple[Row, CellConfig], ...]:
        """Every row of `only` (all if empty) with every seed, the rows in the table's order."""
        return tuple(
            (row, CellConfig(method=row.method, setting=setting, seed=seed))
            for row in self._chosen(only)
            for seed in self._wanted(setting, seeds)
        )

    def count(
        self,
        setting: SettingConfig,
        only: tuple[str, ...] = (),
        seeds: tuple[int, ...] = (),
    ) -> int:
        """How many cells `cells` makes, without making them."""
        return len(self._chosen(only)) * len(self._wanted(setting, seeds))

    def _chosen(self, only: tuple[str, ...]) -> tuple[Row, ...]:
        names = {self.row(name).name for name in only}
        return tuple(row for row in self.rows if not only or row.name in names)

    def _wanted(self, setting: SettingConfig, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return seeds or self.config.seeds or setting.seeds


def load_experiment(path: Path) -> Experiment:
    """Read a table's file and build all its rows.

    Methods and settings are found beside it, in `methods/` and `settings/`.

    Raises:
        ConfigError: anything wrong with the file, its name, a method's file or a switch's patch;
            or two rows are one method.
    """
    require_named(path.stem, str(path))
    raw = read_toml(path)
    if ("switches" in raw) == ("rows" in raw):
        raise ConfigError(
            f"{path} is no experiment: it has either `switches` (an ablation) or `rows` (methods)"
        )
    if "switches" in raw:
        ablation = parse(raw, AblationConfig, str(path))
        return Experiment(path.stem, ablation, _distinct(_ablated(ablation, path), path), path)
    comparison = parse(raw, ComparisonConfig, str(path))
    return Experiment(path.stem, comparison, _distinct(_compared(comparison, path), path), path)


def _distinct(rows: tuple[Row, ...], path: Path) -> tuple[Row, ...]:
    """The rows, of which no two may have one name, or be the same cells under two names."""
    names = Counter(row.name for row in rows)
    wrong = [f"{count} rows are called `{name}`" for name, count in names.items() if count > 1]
    first: dict[str, str] = {}
    for row in rows:
        same = first.setdefault(digest(row.method), row.name)
        if same != row.name:
            wrong.append(f"rows `{same}` and `{row.name}` are one method, and the same cells")
    if wrong:
        advice = "change a file or a switch in which they should differ, or leave one row out"
        raise ConfigError(f"{path}: {'; '.join(wrong)}. {advice.capitalize()}")
    return rows


def require_named(name: str, place: str) -> None:
    """Refuse a name that no file may have, and say which of `place` it was."""
    try:
        require_name(name)
    except ValueError as error:
        raise ConfigError(f"{place} cannot be called {shorten(name)!r}: {error}") from None


def _compared(config: ComparisonConfig, path: Path) -> tuple[Row, ...]:
    return tuple(
        Row(name, method_beside(path, name), {}, flat(config.paper[name])) for name in config.rows
    )


def _ablated(config: AblationConfig, path: Path) -> tuple[Row, ...]:
    base = method_beside(path, config.base)
    complete = base.model_dump(mode="json", exclude_none=True)
    rows, problems = [], []
    for number, values in enumerate(config.paper, 1):
        switched = config.switched(values)
        name = "+".join(key.lower() for key, on in switched.items() if on) or "baseline"
        require_named(f"{base.name}-{name}", f"{path}, row {number}")
        patched = merge(complete, config.patch(values))
        try:
            method = parse(patched, MethodConfig, f"{path}, row {number} ({name})")
        except ConfigError as error:
            problems.append(str(error))
            continue
        rows.append(
            Row(name, _named(method, base, switched, name), switched, config.measured(values))
        )
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return tuple(rows)


def _named(
    method: MethodConfig, base: MethodConfig, switched: dict[str, bool], name: str
) -> MethodConfig:
    """The row's method under a name of its own, unless it is the base method itself."""
    if method == base:
        return method
    off = ", ".join(key for key, on in switched.items() if not on)
    title = f"{base.title} without {off}" if off else base.title
    return method.model_copy(update={"name": f"{base.name}-{name}", "title": title})


def method_beside(path: Path, name: str) -> MethodConfig:
    """The method of that name in `methods/` beside the file `path`.

    Raises:
        ConfigError: it is not there, not valid, or calls itself otherwise.
    """
    source = path.parent / "methods" / f"{name}.toml"
    method = load(source, MethodConfig)
    if method.name != name:
        raise ConfigError(f"{source} names its method {method.name!r}; file and name are the same")
    return method
