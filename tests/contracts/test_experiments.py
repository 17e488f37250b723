"""Every file of experiments/ says what the paper says."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hcfres.config.experiment import AblationConfig, ComparisonConfig, flat
from hcfres.config.files import load_any
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.rows import load_experiment
from hcfres.config.setting import SettingConfig

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PAPER = Path(__file__).parents[3] / "shared" / "paper" / "tables.toml"
FILES = sorted(EXPERIMENTS.rglob("*.toml"))
TITLES = {"mdin": "MDIN", "ipdn": "IPDN", "hcf_res": "HCF-RES"}


@pytest.fixture(scope="module")
def paper() -> dict[str, Any]:
    if not PAPER.is_file():
        pytest.skip(f"{PAPER} is not here: the numbers transcribed from the paper")
    return tomllib.loads(PAPER.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXPERIMENTS)))
def test_every_file_loads_and_every_row_of_it_builds(path: Path) -> None:
    assert load_any(path)


def test_every_file_of_a_method_or_setting_is_named_as_it_is() -> None:
    for folder, kind in (("methods", MethodConfig), ("settings", SettingConfig)):
        for path in (EXPERIMENTS / folder).glob("*.toml"):
            assert load(path, kind).name == path.stem


def test_the_last_row_of_table_iii_is_the_full_method() -> None:
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    assert table.rows[-1].method == load(EXPERIMENTS / "methods" / "hcf_res.toml", MethodConfig)
    assert len({row.method for row in table.rows}) == 4


def test_table_iii_has_the_papers_numbers(paper: dict[str, Any]) -> None:
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    assert isinstance(table.config, AblationConfig)
    ours = [
        {name.lower(): on for name, on in row.switches.items()} | row.paper for row in table.rows
    ]
    assert ours == paper["table3"]["rows"]


@pytest.mark.parametrize("name", ["table1_scanrefer", "table2_multi3drefer", "table4_cost"])
def test_the_other_tables_have_the_papers_rows_and_numbers_in_its_order(
    name: str, paper: dict[str, Any]
) -> None:
    table = load_experiment(EXPERIMENTS / f"{name}.toml")
    assert isinstance(table.config, ComparisonConfig)
    ours = [(row.title, flat(row.paper), row.venue) for row in table.config.quoted]
    ours += [(TITLES[row.name], row.paper, None) for row in table.rows]
    theirs = paper[name.split("_", maxsplit=1)[0]]["rows"]
    assert [title for title, _, _ in ours] == list(theirs)
    for title, numbers, venue in ours:
        printed = dict(theirs[title])
        printed_venue = printed.pop("venue", None)
        assert numbers == flat(printed), title
        assert venue in (printed_venue, None), title


def test_methods_carry_the_titles_that_the_paper_prints() -> None:
    for name, title in TITLES.items():
        assert load(EXPERIMENTS / "methods" / f"{name}.toml", MethodConfig).title == title
