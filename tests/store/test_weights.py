from pathlib import Path

import pytest

from hcfres.config.loading import ConfigError
from hcfres.store import weights
from hcfres.store.weights import weights_identity


def test_untrained_weights_are_their_seed(tmp_path: Path) -> None:
    assert weights_identity("random:0", tmp_path) == "random:0"


def test_a_file_is_its_content_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "it.pth").write_bytes(b"1")
    (tmp_path / "it.pth").write_bytes(b"1")
    first = weights_identity("it.pth", tmp_path)
    assert weights_identity("a/it.pth", tmp_path) == first
    (tmp_path / "it.pth").write_bytes(b"2")
    assert weights_identity("it.pth", tmp_path) != first


def test_a_shipped_folder_is_its_files_but_not_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    folder = tmp_path / "text_tiny"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"1")
    (folder / "tokenizer.json").write_bytes(b"{}")
    first = weights_identity("package:text_tiny", tmp_path / "elsewhere")
    (folder / "card.md").write_text("good")
    assert weights_identity("package:text_tiny", tmp_path) == first
    (folder / "tokenizer.json").write_bytes(b"{ }")
    assert weights_identity("package:text_tiny", tmp_path) != first


def test_missing_weights_say_what_there_is_or_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    (tmp_path / "clip_tiny").mkdir()
    with pytest.raises(ConfigError, match=r"did you mean `clip_tiny`\?"):
        weights_identity("package:clip_tny", tmp_path)
    with pytest.raises(ConfigError, match=r"put them at .*sam.pth"):
        weights_identity("sam.pth", tmp_path)
