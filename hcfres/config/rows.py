"""An experiment's rows as complete methods, and its cells: all built before anything starts."""

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
from hcfres.config.loading import ConfigError, load, parse, read_toml
from hcfres.config.method import MethodConfig
from hcfres.config.problems import nearest
from hcfres.config.setting import SettingConfig


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
        """
        named = Path(name or self.config.setting)
        inside = self.source.parent / "settings" / f"{named}.toml"
        path = named if named.suffix == ".toml" else inside
        setting = load(path, SettingConfig)
        data = setting.data.model_copy(update={"expressions": self.config.dataset})
        return setting.model_copy(update={"data": data})

    def cells(
        self,
        setting: SettingConfig,
        only: tuple[str, ...] = (),
        seeds: tuple[int, ...] = (),
    ) -> tuple[tuple[Row, CellConfig], ...]:
        """Every row of `only` (all if empty) with every seed, the rows in the table's order."""
        chosen = [self.row(name).name for name in only] or [row.name for row in self.rows]
        wanted = seeds or self.config.seeds or setting.seeds
        return tuple(
            (row, CellConfig(method=row.method, setting=setting, seed=seed))
            for row in self.rows
            if row.name in chosen
            for seed in wanted
        )


def load_experiment(path: Path) -> Experiment:
    """Read a table's file and build all its rows.

    Methods and settings are found beside it, in `methods/` and `settings/`.

    Raises:
        ConfigError: anything wrong with the file, a method's file or a switch's patch.
    """
    raw = read_toml(path)
    if ("switches" in raw) == ("rows" in raw):
        raise ConfigError(
            f"{path} is no experiment: it has either `switches` (an ablation) or `rows` (methods)"
        )
    if "switches" in raw:
        ablation = parse(raw, AblationConfig, str(path))
        return Experiment(path.stem, ablation, _ablated(ablation, path), path)
    comparison = parse(raw, ComparisonConfig, str(path))
    return Experiment(path.stem, comparison, _compared(comparison, path), path)


def _compared(config: ComparisonConfig, path: Path) -> tuple[Row, ...]:
    return tuple(
        Row(name, _method(name, path), {}, flat(config.paper[name])) for name in config.rows
    )


def _ablated(config: AblationConfig, path: Path) -> tuple[Row, ...]:
    base = _method(config.base, path)
    complete = base.model_dump(mode="json", exclude_none=True)
    rows, problems = [], []
    for number, values in enumerate(config.paper, 1):
        switched = config.switched(values)
        name = "+".join(key.lower() for key, on in switched.items() if on) or "baseline"
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


def _method(name: str, path: Path) -> MethodConfig:
    source = path.parent / "methods" / f"{name}.toml"
    method = load(source, MethodConfig)
    if method.name != name:
        raise ConfigError(f"{source} names its method {method.name!r}; file and name are the same")
    return method


def load_any(path: Path) -> MethodConfig | SettingConfig | Experiment:
    """Whatever a file of experiments/ holds: its folder says which kind."""
    if path.parent.name == "methods":
        return load(path, MethodConfig)
    if path.parent.name == "settings":
        return load(path, SettingConfig)
    return load_experiment(path)
