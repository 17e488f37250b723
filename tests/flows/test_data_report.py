"""`hcfres data report`: one page from a dataset on the disk."""

import io
import sys

import numpy as np
import pytest
from rich.console import Console

import flows.data_report
from flows.cli import main
from flows.data_report import report_data
from flows.datasets import dataset_folder
from flows.places import setting_file
from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.features import Superpoints
from hcfres.pipeline.stages import SUPERPOINTS
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace
from tests.reporting.tiny_dataset import TRAIN, VAL, write_tiny


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the dataset of the setting `smoke` belongs."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    return dataset_folder(load(setting_file("smoke"), SettingConfig), Workspace())


def run(out=None):
    console = Console(width=200, record=True, file=io.StringIO())
    path = report_data("smoke", out, console)
    return path, console.export_text()


def store_superpoints(folder):
    """As `hcfres prepare` would, so that no worker has to import what cuts a mesh."""
    setting, dataset = load(setting_file("smoke"), SettingConfig), Dataset(folder)
    for name in (TRAIN, VAL):
        Store(Workspace().store).get_or_make(
            SUPERPOINTS,
            name,
            setting.superpoints,
            (dataset.scene_hash(name),),
            lambda: Superpoints(np.repeat([0, 1, 2], 20)),
        )


def test_the_page_states_what_it_is_about_and_is_the_same_again(folder, tmp_path):
    write_tiny(folder)
    path, said = run()
    assert path == tmp_path / "workspace" / "reports" / "smoke" / "dataset_smoke.html"
    assert "2 scans, 0 unreadable, 2 with superpoints" in said
    assert "multi3drefer train: 5 expressions, 2 rejected" in said
    text = path.read_text()
    for part in ("rooms version", folder.name, TRAIN, VAL, "“1999 name”"):
        assert part in text
    assert "published" not in text.replace("nothing is published about them", "")
    assert run(tmp_path / "again")[0].read_bytes() == path.read_bytes()
    assert not (tmp_path / "workspace" / "store").exists()


def test_superpoints_in_the_store_are_taken_from_there(folder):
    write_tiny(folder)
    store_superpoints(folder)
    text = run()[0].read_text()
    row = '<td class="n">1</td><td class="n">3</td><td class="n">3</td><td class="n">3</td>'
    assert f"<tr><td>train</td>{row}" in text


@pytest.mark.slow
def test_workers_find_what_one_process_finds(folder, tmp_path, monkeypatch):
    write_tiny(folder)
    store_superpoints(folder)
    alone = run(tmp_path / "alone")[0].read_bytes()
    monkeypatch.setattr(flows.data_report, "_SCANS_A_WORKER", 1)
    monkeypatch.setenv("HCFRES_WORKERS", "2")
    assert run(tmp_path / "together")[0].read_bytes() == alone


def test_a_missing_dataset_is_one_error(folder):
    with pytest.raises(DataError, match="`hcfres acquire SETTING` puts the dataset"):
        run()


def test_a_dataset_without_lists_is_one_error(folder):
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match=r"scannetv2_train\.txt"):
        run()


def test_the_command_writes_where_it_is_told(folder, tmp_path, monkeypatch, capsys):
    write_tiny(folder)
    command = ["hcfres", "data", "report", "--setting", "smoke", "--out", str(tmp_path / "page")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr()
    assert (tmp_path / "page" / "dataset_smoke.html").is_file()
