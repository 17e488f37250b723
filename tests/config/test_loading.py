from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.config.base import Config, Positive
from hcfres.config.loading import ConfigError, load, parse
from hcfres.config.method import MethodConfig


class Ball(Config):
    shape: Literal["ball"]
    radius: float


class Box(Config):
    shape: Literal["box"]
    width: float
    height: float


class Loose(Config):
    power: Positive


class Toy(Config):
    name: str
    body: Ball | Box
    parts: tuple[Ball, ...] = ()
    engine: Loose | None = None
    table: dict[str, Loose] | None = None


def _complaint(text: str, kind: type[Config], folder: Path) -> str:
    path = folder / "it.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(path, kind)
    return str(error.value).replace(f"{folder}/", "")


METHOD = """
name = "x"
title = "X"
legacy = []
queries = { spatial_attention = true }
decoder = { family = "prompt_aware", layers = 6, cross_norm = "none" }
[semantics]
granularities = ["pixel"]
least_sharpness = 0
grid = "wide"
layer = -1
instance_space = "tokens"
blur_sigma_cells = 0.5
overlap = "smallest"
[fusion]
within_2d = "mean"
across = "add"
gate = "scalar"
refine = false
refine_with = "instance"
mask_features = "geometry"
fit = "C"
[losses]
mask_bce = 1
mask_dice = 1
score = 1
sampling = 5
indicator = 0.1
contrastive = 0.1
"""


def test_all_problems_of_a_file_are_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    text = (
        METHOD.replace("layers = 6", "layers = 0")
        .replace("refine = false", 'refine = "yes"')
        .replace("across =", "accross =")
        .replace("blur_sigma_cells", "blurring")
    )
    assert _complaint(text, MethodConfig, tmp_path) == "\n".join(
        [
            "it.toml is not a valid MethodConfig:",
            "  semantics.blur_sigma_cells: required, and not given",
            "  semantics.blurring: unknown key; "
            "known keys: blur_sigma_cells, granularities, grid, instance_space, layer, "
            "least_sharpness, overlap",
            "  fusion.across: required, and not given",
            "  fusion.refine: Input should be a valid boolean (got 'yes')",
            "  fusion.accross: unknown key; did you mean `across`?",
            "  decoder.layers: Input should be greater than or equal to 1 (got 0)",
        ]
    )


def test_an_impossible_combination_is_told_in_the_words_of_its_rule(tmp_path: Path) -> None:
    text = METHOD[: METHOD.index("[fusion]")] + METHOD[METHOD.index("[losses]") :]
    assert _complaint(text, MethodConfig, tmp_path) == (
        "it.toml is not a valid MethodConfig:\n"
        "  (file): `semantics` and `fusion` are given together or not at all"
    )


def test_broken_toml_says_where_it_breaks(tmp_path: Path) -> None:
    told = _complaint('name = "x"\nlegacy = [\n', MethodConfig, tmp_path)
    assert told.startswith("it.toml is not valid TOML: ")
    assert "end of document" in told


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    assert "line 2" in _complaint("a = 1\na = 2\n", MethodConfig, tmp_path)


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "hcf_res.toml").write_text("")
    with pytest.raises(ConfigError, match=r"does not exist; did you mean `hcf_res`?"):
        load(tmp_path / "hcfres.toml", MethodConfig)
    with pytest.raises(ConfigError, match="files there: hcf_res"):
        load(tmp_path / "q.toml", MethodConfig)
    with pytest.raises(ConfigError, match="there is no folder"):
        load(tmp_path / "no" / "q.toml", MethodConfig)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, MethodConfig)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_bytes('name = "é"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8 text: byte 8"):
        load(tmp_path / "it.toml", MethodConfig)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    assert "bytes: not a configuration" in _complaint("#" * (1 << 20) + "#", Toy, tmp_path)


def test_a_deeply_nested_file_is_refused(tmp_path: Path) -> None:
    told = _complaint("a = " + "[" * 20_000 + "]" * 20_000, Toy, tmp_path)
    assert "nested too deeply" in told


def test_only_the_union_member_that_was_meant_is_explained(tmp_path: Path) -> None:
    told = _complaint('name = "x"\nbody = { shape = "box", width = 1, heigth = 2 }', Toy, tmp_path)
    assert told.splitlines()[1:] == [
        "  body.height: required, and not given",
        "  body.heigth: unknown key; did you mean `height`?",
    ]


def test_problems_inside_sequences_and_tables_name_their_place(tmp_path: Path) -> None:
    text = """
    name = "x"
    body = { shape = "ball", radius = 1 }
    parts = [{ shape = "ball", radius = 1 }, { shape = "ball", radus = 1 }]
    engine = { powr = 2 }
    [table.first]
    power = 0
    pwer = 1
    """
    assert _complaint(text, Toy, tmp_path).splitlines()[1:] == [
        "  parts.1.radius: required, and not given",
        "  parts.1.radus: unknown key; did you mean `radius`?",
        "  engine.power: required, and not given",
        "  engine.powr: unknown key; did you mean `power`?",
        "  table.first.power: Input should be greater than or equal to 1 (got 0)",
        "  table.first.pwer: unknown key; did you mean `power`?",
    ]


@pytest.mark.parametrize(
    "value", ['"3"', "true", "nan", "inf", "[1]", "{a = 1}", "2026-01-01", "07:30:00"]
)
def test_a_number_is_a_finite_number(value: str, tmp_path: Path) -> None:
    told = _complaint(f'name = "x"\nbody = {{ shape = "ball", radius = {value} }}', Toy, tmp_path)
    assert told.splitlines()[1].startswith("  body.radius: ")
    assert len(told.splitlines()) == 2


def test_an_integer_serves_as_a_float_and_arrays_become_tuples() -> None:
    ball = {"shape": "ball", "radius": 1}
    toy = parse({"name": "x", "body": ball, "parts": [ball]}, Toy, "here")
    assert toy.parts == (Ball(shape="ball", radius=1.0),)


def test_the_message_never_grows_with_the_input() -> None:
    secret = "s" * 100_000
    raw = {f"{secret}{number}": secret for number in range(500)}
    with pytest.raises(ConfigError) as error:
        parse(raw | {"name": [secret]}, Toy, "here")
    assert len(str(error.value)) < 20 * 400
    assert "more" in str(error.value).splitlines()[-1]
    assert "s" * 100 not in str(error.value)


tables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "body", "parts", "engine", "table", "shape", "radius", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "body", "parts", "engine", "table"]), tables))
def test_whatever_is_given_is_a_config_or_a_config_error(raw: dict) -> None:
    try:
        assert isinstance(parse(raw, Toy, "here"), Toy)
    except ConfigError as error:
        assert str(error).startswith("here is not a valid Toy:\n  ")
