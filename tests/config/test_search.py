import random
import re
import shutil
from pathlib import Path

import pytest

from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError, load
from hcfres.config.method import MethodConfig
from hcfres.config.search_file import Search, load_search
from hcfres.config.space import Space, shown, value_at

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
HEAD = """
title      = "A search"
dataset    = "multi3drefer"
base       = "hcf_res"
objectives = ["held_out_miou"]
trials     = 4
seed       = 0
cell_seed  = 1999
sampler    = { kind = "random" }
confirm    = { best = 1, seeds = [2000] }
"""
CHANGES = (("fusion.within_2d", "add"), ("fusion.across", "add"), ("fusion.gate", "channel"))
SPACE = """
[space]
fusion.within_2d = { choices = ["attention", "add"] }
fusion.across    = { choices = ["adaptive", "add"] }
fusion.gate      = { choices = ["scalar", "channel"], when = { fusion.across = ["adaptive"] } }
"""


def written(folder: Path, text: str) -> Path:
    for name in ("methods", "settings"):
        shutil.copytree(EXPERIMENTS / name, folder / name, dirs_exist_ok=True)
    path = folder / "a_search.toml"
    path.write_text(text)
    return path


def searched(folder: Path, space: str = SPACE, head: str = HEAD) -> Search:
    return load_search(written(folder, head + space))


def complaint(folder: Path, space: str = SPACE, head: str = HEAD) -> str:
    with pytest.raises(ConfigError) as error:
        searched(folder, space, head)
    return str(error.value).replace(f"{folder}/", "")


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return searched(tmp_path).space


def test_the_shipped_search_builds_and_begins_with_its_base() -> None:
    search = load_search(EXPERIMENTS / "search_fusion.toml")
    base = search.space.walk(lambda knob: knob.base)
    assert search.space.method(base) == load(EXPERIMENTS / "methods/hcf_res.toml", MethodConfig)
    assert search.setting().name == "rooms"


def test_a_path_may_be_quoted_or_nested(tmp_path: Path) -> None:
    quoted = """
[space."fusion.across"]
choices = ["adaptive", "add"]
[space."fusion.gate"]
choices = ["scalar", "channel"]
when    = { "fusion.across" = ["adaptive"] }
"""
    nested = """
[space]
fusion.across = { choices = ["adaptive", "add"] }
fusion.gate   = { choices = ["scalar", "channel"], when = { fusion.across = ["adaptive"] } }
"""
    assert searched(tmp_path, quoted).config == searched(tmp_path, nested).config


def test_a_conditional_value_is_asked_for_only_under_its_condition(space: Space) -> None:
    points = list(space.points())
    assert len(points) == 2 * (2 + 1) == space.size(100)
    assert space.size(5) is None
    assert [point for point in points if "fusion.gate" not in point] == [
        {"fusion.within_2d": "attention", "fusion.across": "add"},
        {"fusion.within_2d": "add", "fusion.across": "add"},
    ]
    assert space.full(points[-1])["fusion.gate"] == "scalar"


def test_different_points_are_different_methods_under_names_of_their_own(space: Space) -> None:
    methods = [space.method(point) for point in space.points()]
    assert len({digest(method) for method in methods}) == 6
    assert len({method.name for method in methods}) == 6
    other = space.method({"fusion.within_2d": "add", "fusion.across": "add"})
    assert other.name == f"hcf_res-{digest(other)[:8]}"
    assert other.title == "HCF-RES with fusion.within_2d = add, fusion.across = add"


def test_the_point_of_the_base_is_the_base_itself(space: Space) -> None:
    assert space.method(space.walk(lambda knob: knob.base)) is space.base


def test_a_method_is_found_again_in_the_space_whatever_it_is_called(space: Space) -> None:
    for point in space.points():
        renamed = space.method(point).model_copy(update={"name": "x", "title": "y"})
        assert space.values_of(renamed) == point


def test_a_method_outside_the_space_has_no_point(space: Space) -> None:
    fusion, decoder = space.base.fusion, space.base.decoder
    assert fusion is not None
    elsewhere = decoder.model_copy(update={"layers": 5})
    assert space.values_of(space.base.model_copy(update={"decoder": elsewhere})) is None
    mean = fusion.model_copy(update={"within_2d": "mean"})
    assert space.values_of(space.base.model_copy(update={"fusion": mean})) is None
    idle = fusion.model_copy(update={"across": "add", "gate": "channel"})
    assert space.values_of(space.base.model_copy(update={"fusion": idle})) is None
    points_only = load(EXPERIMENTS / "methods" / "mdin.toml", MethodConfig)
    assert space.values_of(points_only) is None


def test_ranges_are_drawn_within_their_ends_and_in_ratios_where_asked(tmp_path: Path) -> None:
    space = searched(
        tmp_path,
        "[space]\n"
        "losses.sampling = { low = 0.05, high = 500, log = true }\n"
        "decoder.layers = { low = 1, high = 6, log = false }\n",
    ).space
    rng = random.Random(0)
    drawn = [space.draw(rng) for _ in range(2000)]
    rates = [float(point["losses.sampling"]) for point in drawn]  # type: ignore[arg-type]
    assert all(0.05 <= rate <= 500 for rate in rates)
    assert sum(rate < 5 for rate in rates) == pytest.approx(1000, abs=100)
    assert {point["decoder.layers"] for point in drawn} == {1, 2, 3, 4, 5, 6}
    assert not space.is_finite
    assert space.size(10**6) is None
    point = {"losses.sampling": 1.25, "decoder.layers": 2}
    assert space.values_of(space.method(point)) == point


def test_values_are_held_as_the_method_holds_them(tmp_path: Path) -> None:
    space = searched(
        tmp_path,
        "[space]\n"
        "losses.sampling = { choices = [1, 5] }\n"
        'semantics.granularities = { choices = [["pixel"], ["pixel", "instance"]] }\n',
    ).space
    assert space.knobs[0].values == (1.0, 5.0)
    assert space.knobs[1].values == (("pixel",), ("pixel", "instance"))
    assert value_at(space.base, "semantics.granularities") == ("pixel", "instance")
    made = space.method({"semantics.granularities": ("pixel",)})
    assert made.semantics is not None and made.semantics.granularities == ("pixel",)


def test_values_that_do_not_go_together_are_refused_as_a_method(tmp_path: Path) -> None:
    space = searched(tmp_path).space
    with pytest.raises(ConfigError, match=r"fusion.gate = nobody"):
        space.method({"fusion.gate": "nobody"})
    assert {method.name for method in space.neighbours()} == {
        "hcf_res",
        *(space.method({path: value}).name for path, value in CHANGES),
    }


def test_values_are_shown_as_people_write_them() -> None:
    told = [shown(value) for value in (True, 3, 0.123456, "add", ("pixel", "instance"))]
    assert told == ["true", "3", "0.1235", "add", "[pixel, instance]"]


def test_every_problem_of_a_space_is_told_at_once(tmp_path: Path) -> None:
    told = complaint(
        tmp_path,
        """
[space]
fusion.accross            = { choices = ["adaptive", "add"] }
fusion.gate               = { choices = ["scaler", "channel"] }
fusion.within_2d          = { low = 1, high = 2, log = false }
fusion.refine             = { choices = [false, false] }
decoder.layers            = { low = 0, high = 6, log = false }
losses.score              = { low = 0.0, high = 1.0, log = true }
losses.sampling           = { low = 6.0, high = 10.0, log = true }
losses.indicator          = { choices = [0.1, "much"] }
name                      = { choices = ["a", "b"] }
training.learning_rate    = { low = 1e-4, high = 1e-2, log = true }
setting.size.dim          = { choices = [64, 128] }
semantics.blur_sigma_cells = { choices = [0.25, 0.5], when = { fusion.fit = ["C"] } }
semantics.overlap = { choices = ["smallest", "weighted"], when = { fusion.refine = ["yes"] } }
""",
    )
    assert told.startswith("a_search.toml is not a valid search:\n")
    for line in (
        "space.fusion.accross: unknown key; did you mean `fusion.across`?",
        "space.fusion.gate: Input should be 'scalar', 'channel' or",
        "space.fusion.within_2d: a range is of numbers, and this holds attention; give choices",
        "space.fusion.refine: a choice stands there twice",
        "space.fusion.refine: lacks the base's own value true: the base is the first trial",
        "space.decoder.layers: Input should be greater than or equal to 1 (got 0)",
        "space.losses.score: low 0 must be above 0 and below high 1",
        "space.losses.sampling: lacks the base's own value 5: the base is the first trial",
        "space.losses.indicator: Input should be a valid number (got 'much')",
        "space.name: what a method is called changes no number",
        "space.training.learning_rate: belongs to the setting",
        "space.setting.size.dim: belongs to the setting",
        "space.semantics.blur_sigma_cells: when.fusion.fit: names no value that stands before this",
        "space.semantics.overlap: when.fusion.refine: yes is not among its values false, false",
    ):
        assert f"  {line}" in told, (line, told)
    assert len(told.splitlines()) == 1 + 14


def test_a_table_is_no_value_and_its_values_are_named(tmp_path: Path) -> None:
    told = complaint(tmp_path, '\n[space."decoder"]\nchoices = [1, 2]\n')
    assert "space.decoder: is a table; name one of its values: decoder.family" in told


def test_what_the_base_lacks_cannot_be_searched(tmp_path: Path) -> None:
    head = HEAD.replace('"hcf_res"', '"mdin"')
    assert "space.fusion.across: the base mdin has no such table" in complaint(tmp_path, head=head)


def test_a_grid_is_finite(tmp_path: Path) -> None:
    head = HEAD.replace('"random"', '"grid"')
    assert searched(tmp_path, head=head).config.sampler.kind == "grid"
    whole = "[space]\ndecoder.layers = { low = 1, high = 6, log = false }\n"
    assert searched(tmp_path, whole, head).space.size(10) == 6
    endless = "[space]\nlosses.sampling = { low = 1.0, high = 10.0, log = true }\n"
    assert "a grid takes choices or whole numbers" in complaint(tmp_path, endless, head)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["held_out_miou"]', '["latency_ms"]', 'objectives is ["held_out_miou"] or'),
        ('["held_out_miou"]', '["held_out_miou", "latency_ms"]', "`confirm.within` is given with"),
        ("seeds = [2000]", "seeds = [2000], within = 0.01", "`confirm.within` is given with"),
        ("seeds = [2000]", "seeds = [1999]", "`confirm.seeds` holds cell_seed"),
        ('kind = "random"', 'kind = "tpe"', "sampler.startup_trials: required, and not given"),
        ('kind = "random"', 'kind = "bayes"', "does not match any of the expected tags: 'tpe'"),
        ("trials     = 4", "trials     = 0", "trials: Input should be greater than or equal to 1"),
        ("trials     = 4", "trails     = 4", "trails: unknown key; did you mean `trials`?"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in HEAD
    assert told in complaint(tmp_path, head=HEAD.replace(old, new))


def test_a_pruner_judges_by_one_objective(tmp_path: Path) -> None:
    pruner = '\npruner = { kind = "median", startup_trials = 3, warmup_epochs = 5 }\n'
    assert searched(tmp_path, head=HEAD + pruner).config.pruner is not None
    head = HEAD.replace('["held_out_miou"]', '["held_out_miou", "latency_ms"]')
    head = head.replace("seeds = [2000]", "seeds = [2000], within = 0.01")
    assert "a pruner judges by one objective" in complaint(tmp_path, head=head + pruner)


def test_a_setting_without_held_out_spaces_cannot_be_searched_on(tmp_path: Path) -> None:
    search = searched(tmp_path)
    with pytest.raises(
        ConfigError, match=r"setting smoke cannot be searched on: data.held_out is 0"
    ):
        search.setting("smoke")


def test_a_setting_with_fewer_epochs_than_every_trial_gets_cannot_be_searched_on(
    tmp_path: Path,
) -> None:
    pruner = 'pruner = { kind = "hyperband", min_epochs = 11, reduction_factor = 2 }\n'
    with pytest.raises(ConfigError, match=r"it has 8 epochs, and pruner.min_epochs is 11"):
        searched(tmp_path, head=HEAD + pruner).setting()


def test_a_setting_that_reads_validation_in_training_cannot_be_searched_on(tmp_path: Path) -> None:
    search = searched(tmp_path)
    rooms = tmp_path / "settings" / "rooms.toml"
    text = rooms.read_text().replace('"rooms"', '"mine"', 1)
    (rooms.parent / "mine.toml").write_text(text.replace('"best_held_out"', '"best_validation"'))
    with pytest.raises(ConfigError, match=r"training.keep names best_validation, and a search"):
        search.setting("mine")


def test_a_search_is_called_as_a_file_may_be(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + SPACE)
    with pytest.raises(ConfigError, match="cannot be called"):
        load_search(path.rename(tmp_path / "a search.toml"))


@pytest.mark.parametrize("ends", ["low = 1, high = 1000000000", "low = 1, high = 1e300"])
def test_whole_numbers_end_where_nobody_means_them(tmp_path: Path, ends: str) -> None:
    told = complaint(tmp_path, f"[space]\ndecoder.layers = {{ {ends}, log = false }}\n")
    assert "space.decoder.layers: whole numbers are tried up to 1,000,000" in told


def test_a_long_range_is_counted_no_further_than_asked(tmp_path: Path) -> None:
    text = "[space]\ndecoder.layers = { low = 1, high = 1000000, log = false }\n"
    space = searched(tmp_path, text).space
    assert space.size(1000) is None
    assert space.knobs[0].extremes == (1, 1_000_000)
    assert 1 <= int(space.knobs[0].draw(random.Random(0))) <= 1_000_000  # type: ignore[arg-type]


def test_the_neighbours_of_a_range_are_its_two_ends(tmp_path: Path) -> None:
    text = "[space]\ndecoder.layers = { low = 1, high = 9, log = false }\n"
    space = searched(tmp_path, text).space
    assert [method.decoder.layers for method in space.neighbours()] == [1, 9]


def test_a_base_whose_trials_names_would_be_too_long_is_refused(tmp_path: Path) -> None:
    searched(tmp_path)
    methods = tmp_path / "methods"
    name = "m" * 95
    text = (methods / "hcf_res.toml").read_text()
    (methods / f"{name}.toml").write_text(re.sub("^name .*$", f'name = "{name}"', text, flags=re.M))
    head = HEAD.replace('"hcf_res"', f'"{name}"')
    assert "at most 100 characters" in complaint(tmp_path, head=head)
