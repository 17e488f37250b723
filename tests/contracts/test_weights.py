"""The shipped weights are those the cards speak of, under the thresholds the setting uses."""

from pathlib import Path

from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.store.weights import SHIPPED
from hcfres.training.pretrain.sam_quality import ROOMS_MASKS

ROOMS = load(
    Path(__file__).resolve().parents[2] / "experiments" / "settings" / "rooms.toml", SettingConfig
)


def test_sams_quality_was_measured_under_the_settings_thresholds():
    assert ROOMS.masks == ROOMS_MASKS


def test_all_weights_together_are_at_most_twenty_megabytes():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) <= 20_000_000


def test_every_shipped_network_has_a_card_with_its_command():
    folders = [path for path in SHIPPED.iterdir() if path.is_dir()]
    assert {path.name for path in folders} == {
        "sam_tiny",
        "clip_tiny",
        "roberta_tiny",
        "backbone_tiny",
    }
    for folder in folders:
        card = (folder / "card.md").read_text()
        assert "hcfres pretrain" in card
        assert "seed" in card
