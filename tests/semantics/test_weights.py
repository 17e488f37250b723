"""Finding and reading weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError
from hcfres.semantics.weights import (
    FILE_NAME,
    SHIPPED,
    fill,
    random_seed,
    read_about,
    read_weights,
    weights_path,
    write_weights,
)


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_random_weights_have_no_file_but_a_seed(tmp_path: Path) -> None:
    assert weights_path("random:7", tmp_path) is None
    assert random_seed("random:7") == 7


def test_a_random_seed_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'random:0'"):
        weights_path("random:x", tmp_path)


def test_package_weights_lie_in_the_package(tmp_path: Path) -> None:
    assert weights_path("package:sam_tiny", tmp_path) == SHIPPED / "sam_tiny" / FILE_NAME


def test_other_weights_lie_under_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b"")
    assert weights_path("mine.safetensors", tmp_path) == tmp_path / "mine.safetensors"


def test_a_missing_official_file_is_one_error_with_name_place_and_source(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        weights_path("sam_vit_h_4b8939.pth", tmp_path)
    said = str(raised.value)
    assert "sam_vit_h_4b8939.pth" in said
    assert str(tmp_path) in said
    assert "segment-anything" in said


def test_unknown_package_weights_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shipped with this package: .*clip_tiny"):
        weights_path("package:clip_huge", tmp_path)


def test_written_weights_come_back_in_float32_and_half_precision(tmp_path: Path) -> None:
    network, path = _network(), tmp_path / "w.safetensors"
    write_weights(path, network, {"steps": "3"})
    state = read_weights(path)
    assert read_about(path) == {"steps": "3"}
    assert state["0.weight"].dtype == torch.float32
    assert state["1.num_batches_tracked"].dtype == torch.int64
    torch.testing.assert_close(state["0.weight"], network[0].weight.detach().half().float())


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_weights(tmp_path / name, _network(), {"steps": "3", "seed": "0"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_pth_of_plain_tensors_is_read_and_unwrapped(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {"module.a": torch.ones(2, dtype=torch.float16)}}, path)
    torch.testing.assert_close(read_weights(path)["a"], torch.ones(2))


def test_a_torchscript_archive_gives_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.jit.script(nn.Linear(2, 2)).save(str(path))
    assert sorted(read_weights(path)) == ["bias", "weight"]


class _Stranger:
    """Something no weights file needs."""


def test_a_file_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": _Stranger()}, path)
    with pytest.raises(DataError, match="could run code"):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("pth"):
        torch.save({"a": torch.ones(1000)}, path)
    else:
        save_file({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match="w\\."):
        read_weights(path)


def test_weights_of_another_network_are_refused_with_the_differences(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"0.weight": torch.ones(1), "extra": torch.ones(1)}, path)
    with pytest.raises(DataError) as raised:
        fill(_network(), path, "the test's network")
    said = str(raised.value)
    assert "the test's network" in said
    assert "0.bias is missing" in said


def test_shipped_weights_have_a_card_and_are_small() -> None:
    folders = [path.parent for path in SHIPPED.glob(f"*/{FILE_NAME}")]
    assert {"sam_tiny", "clip_tiny", "backbone_tiny"} <= {folder.name for folder in folders}
    assert all((folder / "card.md").is_file() for folder in folders)
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 20e6
