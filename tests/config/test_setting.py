"""What a setting refuses of its training."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hcfres.config.loading import ConfigError, parse
from hcfres.config.setting import SettingConfig

ROOMS = Path(__file__).parents[2] / "experiments" / "settings" / "rooms.toml"


def rooms(data: dict[str, Any] | None = None, **training: Any) -> SettingConfig:
    """The setting `rooms` with other values."""
    raw = tomllib.loads(ROOMS.read_text())
    changed = {"data": raw["data"] | (data or {}), "training": raw["training"] | training}
    return parse(raw | changed, SettingConfig, "it.toml")


@pytest.mark.parametrize("name", ["precision", "accumulate", "keep"])
def test_nothing_of_a_training_is_guessed(name: str) -> None:
    raw = tomllib.loads(ROOMS.read_text())
    del raw["training"][name]
    with pytest.raises(ConfigError, match=rf"training\.{name}: required, and not given"):
        parse(raw, SettingConfig, "it.toml")


def test_the_precisions_are_two() -> None:
    assert rooms(precision="bf16").training.precision == "bf16"
    with pytest.raises(ConfigError, match=r"training\.precision: Input should be 'fp32' or 'bf16'"):
        rooms(precision="fp16")


@pytest.mark.parametrize("keep", [[], ["best_held_out"], ["last", "last"]])
def test_the_last_epoch_is_always_kept_once(keep: list[str]) -> None:
    with pytest.raises(ConfigError, match=r'names "last" once, and no other twice'):
        rooms(keep=keep)


def test_without_held_out_spaces_there_is_no_best_of_them() -> None:
    with pytest.raises(ConfigError, match=r"data\.held_out is 0: hold training spaces out"):
        rooms({"held_out": 0.0}, keep=["last", "best_held_out"])
    assert rooms({"held_out": 0.0}, keep=["last"])


def test_no_shipped_setting_reads_validation_in_training() -> None:
    for path in ROOMS.parent.glob("*.toml"):
        setting = parse(tomllib.loads(path.read_text()), SettingConfig, path.name)
        assert "best_validation" not in setting.training.keep
