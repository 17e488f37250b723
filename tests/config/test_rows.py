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


def test_cells_are_counted_without_being_made() -> None:
    table = load_experiment(EXPERIMENTS / "table3_ablation.toml")
    setting = table.setting("scannet")
    assert table.count(setting) == len(table.cells(setting)) == 12
    assert table.count(setting, only=("vsd",), seeds=(1, 2)) == 2
    assert table.count(setting, seeds=tuple(range(250_000))) == 1_000_000


def test_a_switch_that_changes_nothing_makes_no_second_row(folder: Path) -> None:
    path = _edited(
        folder / "table3_ablation.toml",
        'false = { semantics.granularities = ["pixel"] }',
        'false = { semantics.granularities = ["pixel", "instance"] }',
    )
    with pytest.raises(ConfigError) as refused:
        load_experiment(path)
    assert "rows `baseline` and `vsd` are one method, and the same cells" in str(refused.value)
    assert "rows `mlf` and `vsd+mlf` are one method" in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_copied_method_under_another_name_makes_no_second_row(folder: Path) -> None:
    copy = folder / "methods" / "copied.toml"
    shutil.copy(folder / "methods" / "mdin.toml", copy)
    copy.write_text(copy.read_text().replace('"mdin"', '"copied"', 1))
    path = _edited(folder / "table2_multi3drefer.toml", '["mdin", ', '["mdin", "copied", ')
    path.write_text(path.read_text() + "\n[paper.copied]\nmiou = 1.0\n")
    with pytest.raises(ConfigError, match="rows `mdin` and `copied` are one method"):
        load_experiment(path)


def test_switches_that_read_alike_make_no_two_rows_of_one_name(folder: Path) -> None:
    path = _edited(folder / "table3_ablation.toml", '"MLF"', '"vsd"')
    _edited(path, "[switches.MLF]", "[switches.vsd]")
    with pytest.raises(ConfigError, match="2 rows are called `vsd`"):
        load_experiment(path)


@pytest.mark.parametrize("name", ["a b", "$(x)", "x" * 200, ".hidden"])
def test_a_table_is_called_what_a_folder_may_be_called(folder: Path, name: str) -> None:
    path = folder / f"{name}.toml"
    shutil.copy(folder / "table3_ablation.toml", path)
    with pytest.raises(ConfigError, match=r"cannot be called .*: a name has"):
        load_experiment(path)


@pytest.mark.parametrize(
    ("file", "old", "new", "key"),
    [
        ("table2_multi3drefer", '["mdin", ', '["../mdin", ', "rows.0"),
        ("table3_ablation", '"hcf_res"', '"/etc/hcf_res"', "base"),
        ("table3_ablation", 'dataset = "multi', 'setting = "../x"\ndataset = "multi', "setting"),
        ("table3_ablation", "[switches.MLF]", '[switches."M/F"]', "switches"),
        ("methods/hcf_res", '"hcf_res"', '"hcf;res"', "name"),
    ],
)
def test_names_in_files_are_closed(folder: Path, file: str, old: str, new: str, key: str) -> None:
    _edited(folder / f"{file}.toml", old, new)
    table = "table3_ablation" if file.startswith("methods") else file
    with pytest.raises(ConfigError, match=rf"{key}[^\n]*: a name has letters, digits"):
        load_experiment(folder / f"{table}.toml")


def test_weights_of_a_setting_stay_in_their_folder(folder: Path) -> None:
    path = folder / "settings" / "smoke.toml"
    text = path.read_text()
    path.write_text(text.replace('[text]\nmodel   = "tiny"\nweights = "random:0"',
                                 '[text]\nmodel   = "tiny"\nweights = "../../secret"'))  # fmt: skip
    with pytest.raises(ConfigError, match=r"text\.weights: a path leads down"):
        load_experiment(folder / "table3_ablation.toml").setting("smoke")
