"""A setting's file is called as the setting is, and a shipped name means the shipped setting."""

from pathlib import Path

import pytest

from flows.places import setting_file
from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment
from hcfres.config.setting_file import SHIPPED, load_setting
from hcfres.store.toml import write_toml

TABLE = SHIPPED.parent / "table1_scanrefer.toml"


def copied(path: Path, *changes: tuple[str, str]) -> Path:
    """The shipped setting `rooms` at `path`, with texts replaced."""
    text = (SHIPPED / "rooms.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


LONGER = ("held_out    = 0.1", "held_out    = 0.2")
RENAMED = ('"rooms"', '"long"')


def test_every_shipped_setting_is_read() -> None:
    assert setting_file("rooms").parent == SHIPPED
    names = [load_setting(path).name for path in sorted(SHIPPED.glob("*.toml"))]
    assert names == ["rooms", "scannet", "smoke"]


def refusal(path: Path) -> str:
    """Why a file is refused."""
    with pytest.raises(ConfigError) as refused:
        load_setting(path)
    return str(refused.value)


def test_a_file_that_names_another_setting_than_itself_is_refused(tmp_path: Path) -> None:
    path = copied(tmp_path / "long.toml", LONGER)
    told = refusal(path)
    assert f"{path} names its setting 'rooms'" in told
    assert 'write name = "long" in it, or rename the file' in told


def test_another_setting_with_a_shipped_name_is_refused(tmp_path: Path) -> None:
    path = copied(tmp_path / "rooms.toml", LONGER)
    told = refusal(path)
    assert f"{path} is called as {SHIPPED / 'rooms.toml'} is" in told
    assert "differs from it in data: " in told
    assert "Rename the file and, in it, `name`" in told


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [("[1999]", "[1, 2]", "seeds"), ("tiny encoders", "mine", "title")],
)
def test_what_a_table_prints_of_a_setting_counts_too(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    text = (SHIPPED / "rooms.toml").read_text()
    head, body = text.split("title", 1)
    path = tmp_path / "rooms.toml"
    path.write_text(f"{head}title{body.replace(old, new, 1)}")
    with pytest.raises(ConfigError, match=f"differs from it in {key}: "):
        load_setting(path)


def test_a_setting_with_a_name_of_its_own_may_lie_anywhere(tmp_path: Path) -> None:
    assert load_setting(copied(tmp_path / "long.toml", LONGER, RENAMED)).name == "long"


def test_a_copy_of_a_shipped_setting_is_that_setting(tmp_path: Path) -> None:
    path = copied(tmp_path / "rooms.toml")
    assert load_setting(path) == load_setting(SHIPPED / "rooms.toml")


def test_the_copy_that_a_search_keeps_is_read_whatever_sentences_it_asks(tmp_path: Path) -> None:
    """As `flows.search.winner` writes it; `table1` asks ScanRefer, the shipped file does not."""
    asked = load_experiment(TABLE).setting("rooms")
    assert asked.data.expressions == "scanrefer"
    path = tmp_path / "settings" / "rooms.toml"
    path.parent.mkdir()
    path.write_text(write_toml(asked.model_dump(mode="json", exclude_none=True)))
    assert load_setting(path) == asked
    assert load_experiment(TABLE).setting(str(path)) == asked


def test_a_table_and_a_search_refuse_as_every_command_does(tmp_path: Path) -> None:
    path = copied(tmp_path / "rooms.toml", LONGER)
    with pytest.raises(ConfigError, match="is called as"):
        load_experiment(TABLE).setting(str(path))


def test_the_file_that_a_setting_was_read_from_is_known(tmp_path: Path) -> None:
    table, own = load_experiment(TABLE), tmp_path / "mine.toml"
    assert table.setting_path() == SHIPPED / "rooms.toml"
    assert table.setting_path("smoke") == SHIPPED / "smoke.toml"
    assert table.setting_path(str(own)) == own
