import pytest

from hcfres.config.experiment import AblationConfig, ComparisonConfig, flat, merge
from hcfres.config.loading import ConfigError, parse

ABLATION = {
    "title": "t",
    "dataset": "multi3drefer",
    "base": "hcf_res",
    "columns": ["A", "miou"],
    "paper": [[False, 1], [True, 2.5]],
    "switches": {"A": {"true": {"x": {"y": 1}}, "false": {"x": {"y": 2}}}},
}
COMPARISON = {
    "title": "t",
    "dataset": "scanrefer",
    "columns": ["acc_25.mt", "miou"],
    "rows": ["mdin"],
    "paper": {"mdin": {"acc_25": {"mt": 1}, "miou": 2}},
    "quoted": [{"title": "ReLA", "paper": {"miou": 3}}],
}


def test_a_row_is_its_switches_its_patch_and_its_numbers() -> None:
    table = parse(ABLATION, AblationConfig, "t")
    assert [table.switched(row) for row in table.paper] == [{"A": False}, {"A": True}]
    assert [table.patch(row) for row in table.paper] == [{"x": {"y": 2}}, {"x": {"y": 1}}]
    assert [table.measured(row) for row in table.paper] == [{"miou": 1.0}, {"miou": 2.5}]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"paper": [[False]]}, "row 1 has 1 values, 2 columns"),
        ({"paper": [[1, 1]]}, "row 1: A is true or false"),
        ({"paper": [[True, True]]}, "row 1: miou is a number"),
        ({"paper": [[True, 1], [True, 2]]}, "two rows have the same switches"),
        ({"paper": []}, "at least 1 item"),
        ({"columns": ["miou", "acc"]}, "switches no column uses: A"),
        ({"switches": {"A": {"true": {}}}}, "switch A has `true` and `false`, both"),
        ({"switches": {"A": {"on": {}}}}, "Input should be 'true' or 'false'"),
        ({"dataset": "nr3d"}, "Input should be 'multi3drefer' or 'scanrefer'"),
        ({"bases": "x"}, "unknown key; did you mean `base`?"),
    ],
)
def test_an_ablation_that_does_not_add_up_is_refused(change: dict, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(ABLATION | change, AblationConfig, "t")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": ["mdin", "mdin"]}, "a method stands in `rows` twice"),
        ({"rows": ["mdin", "ipdn"]}, "`rows` and `paper` name the same methods; not ipdn"),
        ({"paper": {"mdin": {"acc_50": 1}}}, "mdin has numbers for no column: acc_50"),
        ({"quoted": [{"title": "Q", "paper": {"iou": 1}}]}, "Q has numbers for no column: iou"),
        ({"quoted": [{"title": "Q", "paper": {"miou": "41"}}]}, "Input should be a valid number"),
    ],
)
def test_a_comparison_that_does_not_add_up_is_refused(change: dict, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(COMPARISON | change, ComparisonConfig, "t")
    assert told in str(error.value)


def test_numbers_of_groups_are_named_by_column_and_group() -> None:
    assert flat({"acc": {"mt": 1.0, "all": 2.0}, "miou": 3.0}) == {
        "acc.mt": 1.0,
        "acc.all": 2.0,
        "miou": 3.0,
    }


def test_merging_changes_only_the_named_leaves_and_neither_argument() -> None:
    base, patch = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 5}, "e": {"f": 6}}
    assert merge(base, patch) == {"a": {"b": 5, "c": 2}, "d": 3, "e": {"f": 6}}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert patch == {"a": {"b": 5}, "e": {"f": 6}}
