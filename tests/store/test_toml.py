import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.store.toml import write_toml

values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values, max_size=4))
def test_what_is_written_reads_back(table: dict) -> None:
    assert tomllib.loads(write_toml(table)) == table


def test_tables_are_headed_and_nothing_is_left_out_but_none() -> None:
    assert write_toml({"a": 1, "b": {"c": {"d": "e"}, "f": None, "g": (1.0, True)}, "h": {}}) == (
        'a = 1\n\n[b]\ng = [1.0, true]\n\n[b.c]\nd = "e"\n\n[h]\n'
    )


def test_what_toml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="TOML has no object"):
        write_toml({"a": object()})
