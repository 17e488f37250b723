import shutil
from pathlib import Path

import pytest

from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXPERIMENTS, tmp_path / "experiments")


def _edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_the_rows_of_an_ablation_differ_from_its_base_only_where_switched() -> None:
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    assert [row.name for row in table.rows] == ["baseline", "mlf", "vsd", "vsd+mlf"]
    assert [row.method.name for row in table.rows] == [
        "hcf_res-baseline",
        "hcf_res-mlf",
        "hcf_res-vsd",
        "hcf_res",
    ]
    assert table.rows[1].method.title == "HCF-RES without VSD"
    baseline = table.rows[0].method
    assert baseline.semantics is not None and baseline.fusion is not None
    assert baseline.semantics.granularities == ("pixel",)
    assert (baseline.fusion.within_2d, baseline.fusion.across) == ("add", "add")
    assert not baseline.fusion.refine
    assert baseline.decoder == table.rows[3].method.decoder


def test_cells_are_rows_times_seeds_and_ask_the_tables_expressions() -> None:
    table = load_experiment(EXPERIMENTS / "table1_scanrefer.toml")
    setting = table.setting("scannet")
    assert setting.data.expressions == "scanrefer"
    cells = table.cells(setting)
    assert [(row.name, cell.seed) for row, cell in cells] == [
        (name, seed) for name in ("mdin", "ipdn", "hcf_res") for seed in (1999, 2000, 2001)
    ]
    cells = table.cells(setting, only=("ipdn",), seeds=(5,))
    assert [(row.name, cell.seed) for row, cell in cells] == [("ipdn", 5)]


def test_the_seeds_of_a_table_go_before_those_of_the_setting(folder: Path) -> None:
    path = folder / "table4_cost.toml"
    path.write_text("seeds = [7, 8]\n" + path.read_text())
    table = load_experiment(path)
    assert {cell.seed for _, cell in table.cells(table.setting())} == {7, 8}


def test_an_unknown_row_or_setting_names_the_known_ones() -> None:
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    with pytest.raises(ConfigError, match=r"no row 'vds'; did you mean `vsd`?"):
        table.cells(table.setting(), only=("vds",))
    with pytest.raises(ConfigError, match=r"files there: rooms, scannet, smoke"):
        table.setting("q")


def test_a_typo_inside_a_switch_is_told_for_every_row_before_anything_starts(folder: Path) -> None:
    path = _edited(folder / "table3_ablation.toml", "refine = false", "refin = false")
    with pytest.raises(ConfigError) as error:
        load_experiment(path)
    assert str(error.value) == "\n".join(
        f"{path}, row {row} is not a valid MethodConfig:\n"
        "  fusion.refin: unknown key; did you mean `refine`?"
        for row in ("1 (baseline)", "3 (vsd)")
    )


def test_an_impossible_combination_made_by_a_switch_is_refused(folder: Path) -> None:
    path = _edited(folder / "table3_ablation.toml", '["pixel"]', '["instance"]')
    with pytest.raises(ConfigError, match=r"semantics: granularities is \[\"pixel\"\] or"):
        load_experiment(path)


def test_a_row_without_a_file_is_refused_and_so_is_a_file_with_another_name(folder: Path) -> None:
    path = _edited(folder / "table4_cost.toml", "ipdn", "ippdn")
    with pytest.raises(ConfigError, match=r"ippdn.toml does not exist; did you mean `ipdn`?"):
        load_experiment(path)
    (folder / "methods" / "ippdn.toml").write_text((folder / "methods" / "ipdn.toml").read_text())
    with pytest.raises(ConfigError, match=r"names its method 'ipdn'; file and name are the same"):
        load_experiment(path)


def test_a_file_that_is_no_table_says_what_a_table_has(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"either `switches` .* or `rows`"):
        load_experiment(folder / "methods" / "mdin.toml")


def test_a_setting_is_found_by_the_path_of_its_file_too(tmp_path):
    experiment = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    own = tmp_path / "mine.toml"
    text = (EXPERIMENTS / "settings" / "smoke.toml").read_text()
    own.write_text(text.replace('"smoke"', '"mine"', 1))
    assert experiment.setting(str(own)).name == "mine"
    assert experiment.setting("smoke").name == "smoke"
