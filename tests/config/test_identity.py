from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.config.identity import VARIED, Digests, digest
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def _setting() -> SettingConfig:
    return load(EXPERIMENTS / "settings" / "rooms.toml", SettingConfig)


def _leaves(value: object, place: tuple) -> list[tuple]:
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in _leaves(v, (*place, k))]
    return [place]


def _changed(raw: dict, place: tuple) -> dict:
    key, *rest = place
    if rest:
        return raw | {key: _changed(raw[key], tuple(rest))}
    old = raw[key]
    new = not old if isinstance(old, bool) else old * 2 if isinstance(old, float) else old
    if isinstance(old, int) and not isinstance(old, bool):
        new = old + 1
    return raw | {key: f"{old}x" if isinstance(old, str) else new}


def _unchecked(raw: dict) -> SettingConfig:
    return SettingConfig.model_construct(**raw)


def test_every_value_of_a_setting_is_in_its_identity_but_names_and_the_list_of_seeds() -> None:
    raw = _setting().model_dump()
    changes = {place: _changed(raw, place) for place in _leaves(raw, ())}
    changes = {place: changed for place, changed in changes.items() if changed != raw}
    assert len(changes) > 40  # zeros and sequences do not change by doubling
    same = [
        p for p, changed in changes.items() if digest(_unchecked(changed)) == digest(_setting())
    ]
    assert same == [("name",), ("title",)]
    assert digest(_setting()) == digest(_unchecked(raw | {"seeds": (1, 2)}))


def test_the_number_of_seed_points_is_no_list_of_seeds() -> None:
    size = _setting().size
    assert digest(size) != digest(size.model_copy(update={"seeds": size.seeds + 1}))


def test_renaming_a_method_does_not_make_it_another() -> None:
    method = load(EXPERIMENTS / "methods" / "hcf_res.toml", MethodConfig)
    assert digest(method) == digest(method.model_copy(update={"name": "x", "title": "y"}))


@given(
    st.lists(st.text() | st.integers() | st.none() | st.booleans(), max_size=4),
    st.lists(st.text() | st.integers() | st.none() | st.booleans(), max_size=4),
)
def test_different_parts_have_different_digests(a: list, b: list) -> None:
    assert (digest(*a) == digest(*b)) == (repr(a) == repr(b))


def test_the_parts_cannot_run_into_one_another() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")


def test_a_path_has_no_identity() -> None:
    with pytest.raises(TypeError):
        digest(Path("a"))  # type: ignore[arg-type]


@given(st.integers(), st.text(max_size=20))
def test_digests_of_parts_that_differ_in_a_number_are_those_worked_out_one_by_one(number, text):
    def parts(seed):
        return ("cell", 1, {"zeta": text, "seed": seed, "alpha": [1.5, None]}, text)

    assert Digests(*parts(VARIED)).of(number) == digest(*parts(number))


@pytest.mark.parametrize("parts", [("a", 1), (VARIED, {"seed": VARIED})], ids=["none", "two"])
def test_the_number_has_one_place(parts) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        Digests(*parts)
