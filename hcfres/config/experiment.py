"""A table of the paper as data: which methods are run, and the numbers the paper prints.

The paper's numbers are targets to print beside ours; only hcfres.reporting may read them.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from hcfres.config.base import Config, Seeds
from hcfres.config.names import Name, Title

DatasetName = Literal["multi3drefer", "scanrefer"]
Switch = dict[Literal["true", "false"], dict[str, Any]]
Numbers = dict[str, float | dict[str, float]]
"""By column, in the paper's units (per cent, millions, milliseconds); a column may hold one number
for each group of expressions."""


class AblationConfig(Config):
    """One base method with named switches turned on and off (Table III)."""

    title: Title
    dataset: DatasetName
    base: Name  # a file of experiments/methods
    setting: Name = "rooms"  # a file of experiments/settings, unless another is asked for
    seeds: Seeds | None = None  # left out: the setting's own
    columns: tuple[str, ...] = Field(min_length=1)  # switches, then what is measured
    paper: tuple[tuple[bool | float, ...], ...] = Field(min_length=1)
    switches: dict[Name, Switch]

    @model_validator(mode="after")
    def _rows_fit_columns(self) -> "AblationConfig":
        if unused := sorted(self.switches.keys() - set(self.columns)):
            raise ValueError(f"switches no column uses: {', '.join(unused)}")
        for name, switch in self.switches.items():
            if len(switch) != 2:
                raise ValueError(f"switch {name} has `true` and `false`, both")
        for number, row in enumerate(self.paper, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} values, {len(self.columns)} columns")
            for column, value in zip(self.columns, row, strict=True):
                if isinstance(value, bool) != (column in self.switches):
                    wanted = "true or false" if column in self.switches else "a number"
                    raise ValueError(f"row {number}: {column} is {wanted}")
        if len({tuple(self.switched(row).items()) for row in self.paper}) != len(self.paper):
            raise ValueError("two rows have the same switches")
        return self

    def switched(self, row: tuple[bool | float, ...]) -> dict[str, bool]:
        """The switches of one row of `paper`, in the order of the columns."""
        pairs = zip(self.columns, row, strict=True)
        return {column: bool(value) for column, value in pairs if column in self.switches}

    def measured(self, row: tuple[bool | float, ...]) -> dict[str, float]:
        """The paper's numbers of one row of `paper`."""
        pairs = zip(self.columns, row, strict=True)
        return {column: float(value) for column, value in pairs if column not in self.switches}

    def patch(self, row: tuple[bool | float, ...]) -> dict[str, Any]:
        """The changes that the switches of one row make to the base method."""
        patch: dict[str, Any] = {}
        for name, on in self.switched(row).items():
            patch = merge(patch, self.switches[name]["true" if on else "false"])
        return patch


class QuotedConfig(Config):
    """A system that does not run here: its row is quoted from the paper and marked so."""

    title: Title
    venue: str | None = None  # where the paper prints it
    paper: Numbers


class ComparisonConfig(Config):
    """Methods side by side (Tables I, II and IV)."""

    title: Title
    dataset: DatasetName
    setting: Name = "rooms"  # a file of experiments/settings, unless another is asked for
    seeds: Seeds | None = None  # left out: the setting's own
    columns: tuple[str, ...] = Field(min_length=1)  # "acc_25" or, in one group, "acc_25.mt"
    rows: tuple[Name, ...] = Field(min_length=1)  # files of experiments/methods, as printed
    paper: dict[str, Numbers]  # of `rows`
    quoted: tuple[QuotedConfig, ...] = ()  # printed before `rows`

    @model_validator(mode="after")
    def _numbers_fit_columns(self) -> "ComparisonConfig":
        if len(set(self.rows)) != len(self.rows):
            raise ValueError("a method stands in `rows` twice")
        if strangers := sorted(self.paper.keys() ^ set(self.rows)):
            raise ValueError(
                f"`rows` and `paper` name the same methods; not {', '.join(strangers)}"
            )
        tables = self.paper | {row.title: row.paper for row in self.quoted}
        for name, numbers in tables.items():
            if unknown := sorted(flat(numbers).keys() - set(self.columns)):
                raise ValueError(f"{name} has numbers for no column: {', '.join(unknown)}")
        return self


ExperimentConfig = AblationConfig | ComparisonConfig


def flat(numbers: Numbers) -> dict[str, float]:
    """One number a column: those of groups named `acc_25.mt`."""
    told: dict[str, float] = {}
    for column, value in numbers.items():
        if isinstance(value, dict):
            told |= {f"{column}.{group}": number for group, number in value.items()}
        else:
            told[column] = value
    return told


def merge(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `patch` put in; neither argument is changed."""
    merged = dict(base)
    for key, value in patch.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged
