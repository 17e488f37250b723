"""One cell trained by two workers, as the command line asks for it."""

import shutil
from pathlib import Path

import pytest

from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport, read_journal
from tests.flows.test_reproduce import ROOT, run

CHANGES = {
    'name       = "smoke"': 'name       = "three"',
    "train_rooms                = 1": "train_rooms                = 3",
    "scenes_per_batch      = 1": "scenes_per_batch      = 2",
    "epochs                = 1": "epochs                = 2",
    'backbone              = "trained"': (
        'backbone              = "frozen"\nbackbone_weights      = "random:0"'
    ),
}
"""Three rooms, a batch of two and one of one; the statistics of the U-Net are frozen."""


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "three.toml"
    text = (ROOT / "experiments" / "settings" / "smoke.toml").read_text()
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def trained(workspace: Path, setting: Path, *more: str) -> tuple[str, tuple[EpochReport, ...]]:
    """The key of the cell, and how its epochs went."""
    run(workspace, "train", "mdin", "--setting", str(setting), *more)
    (folder,) = Workspace(workspace).cells.iterdir()
    assert (folder / "DONE.json").exists()
    assert not (folder / "nonfinite").exists()
    return folder.name, read_journal(folder / "metrics.jsonl")


@pytest.mark.slow
def test_two_workers_train_the_same_cell_as_one(tmp_path, setting):
    key, one = trained(tmp_path / "one", setting)
    shutil.copytree(tmp_path / "one" / "data", tmp_path / "two" / "data")
    other, two = trained(tmp_path / "two", setting, "--processes", "2")
    assert key == other
    for ours, theirs in zip(one, two, strict=True):
        assert theirs.losses == pytest.approx(ours.losses, rel=1e-5, abs=1e-6)
