"""What the doctor says of sparse convolution and of datasets."""

import pytest

from flows.datasets import dataset_folder
from flows.doctor import _datasets, _ray, _slurm, _sparse_convolution, _tracking
from flows.places import setting_file
from flows.tracking.store import TRACKING
from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.model.sparse import choice
from hcfres.model.sparse.check import Verdict
from hcfres.store.workspace import Workspace
from tests.flows.postgres import free_port


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    choice._chosen.cache_clear()
    yield
    choice._chosen.cache_clear()


def test_a_library_that_is_right_is_named_with_what_was_measured(monkeypatch):
    pytest.importorskip("spconv", reason="spconv is not installed")
    monkeypatch.setattr(choice, "examine_spconv", lambda _: Verdict(3e-7, 0.21, ""))
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("spconv ") and "3e-07" in finding.found
    assert finding.advice == ""


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(None, 3.0, "spconv ends its process (SIGFPE) on cuda:0"),
        Verdict(0.5, 0.1, "spconv differs from plain torch by 5e-01 of the largest value"),
        Verdict(None, 0.0, "spconv is not installed"),
    ],
)
def test_where_spconv_is_not_used_the_reason_and_the_override_are_named(monkeypatch, verdict):
    monkeypatch.setattr(choice, "examine_spconv", lambda _: verdict)
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("plain torch ")
    assert verdict.complaint in finding.advice and choice.VARIABLE in finding.advice


def test_what_the_environment_asks_for_is_named(monkeypatch):
    monkeypatch.setenv(choice.VARIABLE, "plain")
    (finding,) = _sparse_convolution()
    assert finding.found.startswith("plain torch ")
    assert finding.advice == f"{choice.VARIABLE} is plain: not checked"


def test_rooms_that_are_not_whole_are_told_with_their_settings_command(monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    folder = dataset_folder(load(setting_file("smoke"), SettingConfig), Workspace())
    folder.mkdir(parents=True)
    (folder / "scannetv2_train.txt").write_text("scene0000_00\n")
    (folder / "scannetv2_val.txt").write_text("scene0700_00\n")
    (found,) = (finding for finding in _datasets() if "smoke" in finding.what)
    assert found.found == f"1 + 1 scans in {folder}"
    assert found.advice == (
        "2 of 2 rooms and the sentences are not whole; `hcfres acquire smoke` makes them again"
    )


def test_the_store_of_runs_is_told_without_its_password(monkeypatch, postgres, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    monkeypatch.setenv(TRACKING, postgres.url("postgres"))
    (found,) = _tracking()
    assert found.found == f"postgresql+psycopg2://127.0.0.1:{postgres.port}/postgres"
    assert found.advice == ""


def test_a_store_that_is_silent_and_a_variable_that_is_not_read_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    monkeypatch.setenv(TRACKING, f"http://127.0.0.1:{free_port()}")
    (silent,) = _tracking()
    assert "nobody answers there" in silent.advice
    assert silent.advice.endswith("start it, or leave HCFRES_TRACKING out")
    monkeypatch.delenv(TRACKING)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    embedded, unread = _tracking()
    assert embedded.found == f"embedded ({tmp_path}/mlflow.db)"
    assert (unread.what, unread.advice) == (
        "MLFLOW_TRACKING_URI",
        "it is not read; HCFRES_TRACKING decides",
    )


def test_machines_elsewhere_are_advised_on_only_where_somebody_means_to_use_them(
    monkeypatch, tmp_path
):
    pytest.importorskip("ray", reason="Ray is not installed")
    pytest.importorskip("submitit", reason="submitit is not installed")
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    for name in ("RAY_ADDRESS", "HCFRES_SLURM"):
        monkeypatch.delenv(name, raising=False)
    (ray,), (slurm,) = _ray(), _slurm()
    assert (ray.found.endswith(", no cluster"), ray.advice) == (True, "")
    assert (slurm.found.endswith(", not set up"), slurm.advice) == (True, "")
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
    (tmp_path / "slurm.toml").write_text("workers = 2\n")
    (ray,), (slurm,) = _ray(), _slurm()
    assert "nobody answers there" in ray.advice
    assert "slurm.toml is not a valid SlurmSettings" in slurm.advice
