"""Pre-training as a flow: what the console and MLflow hear of it."""

import io
import json

import pytest
import torch
from rich.console import Console

import flows.lesson
from flows.lesson import ENCODERS
from flows.pretrain import run_pretrain
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace
from hcfres.training.pretrain.card import Card, Figure
from hcfres.training.pretrain.loop import Progress


def teach(folder, steps, seed, report):
    """Learn nothing in `steps` steps, as an encoder's pre-training would tell it."""
    assert torch.get_num_threads() == 1
    folder.mkdir(parents=True, exist_ok=True)
    for step in range(1, steps + 1):
        report(Progress("sam", step, steps, 1.0 * (steps - step), {"loss": 1 / step}))
    report(Progress("sam: examining", 0, 24, float("nan"), {}))
    (folder / "weights.safetensors").write_bytes(b"x")
    (folder / "checkpoint.pt").write_bytes(b"y")
    figures = [Figure("masks, of IoU (0.5) or more", 0.75, 0.7)]
    card = Card("T", "sam", "A.", range(2), range(1), steps, seed, figures)
    card.write(folder)
    return card


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One database for all: making it is what takes time."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture
def told(home, tmp_path, monkeypatch):
    """Run a pre-training without a server; give figures, what was printed, and the run."""
    monkeypatch.setenv("HCFRES_HOME", str(home))
    for name in ("pretrain", "train_encoder"):
        monkeypatch.setattr(flows.lesson, name, getattr(flows.lesson, name).fn)
    monkeypatch.setitem(flows.lesson._CARDS, "sam", teach)

    def run(encoder, steps):
        console = Console(width=160, file=io.StringIO(), record=True)
        figures = run_pretrain(encoder, tmp_path / "weights", steps, 7, console)
        return figures, console.export_text(), logged(tmp_path)

    return run


def logged(tmp_path):
    """What MLflow holds of the SAM that was trained in a test."""
    client = Tracker(Workspace())._client
    note = json.loads((tmp_path / "weights" / "sam" / "mlflow.json").read_text())
    return client, client.get_run(note["run_id"])


def test_an_unknown_encoder_is_answered_with_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    with pytest.raises(ConfigError, match="no encoder is called 'dino'; encoders: sam, clip"):
        run_pretrain("dino", tmp_path / "weights", 1, 0, Console(quiet=True))
    assert not (tmp_path / "weights").exists()


def test_every_encoder_of_the_package_can_be_trained():
    assert set(ENCODERS) == {"sam", "clip", "text", "backbone"}
    assert set(flows.lesson._CARDS) == set(ENCODERS) - {"text"}


def test_progress_parameters_and_figures_are_told_and_logged(told, tmp_path):
    figures, said, (client, run) = told("sam", 3)
    assert figures == {"masks, of IoU (0.5) or more": 0.75}
    assert "sam: 1/3, about 2 s left loss 1.000" in said
    assert "masks, of IoU (0.5) or more: 0.750" in said
    assert run.data.params == {"encoder": "sam", "steps": "3", "seed": "7"}
    assert run.data.tags["hcfres.kind"] == "stage"
    assert run.data.metrics["figure/masks of IoU 0.5 or more"] == 0.75
    assert run.info.status == "FINISHED"
    kept = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert kept == {"card.md", "weights.safetensors"}
    assert (tmp_path / "weights" / "sam" / "card.md").exists()


def test_going_on_logs_no_step_twice(told):
    told("sam", 3)
    _, _, (client, run) = told("sam", 3)
    history = client.get_metric_history(run.info.run_id, "pretrain/loss")
    assert [metric.step for metric in history] == [1, 2, 3]


def test_a_failure_is_marked_and_raised(told, monkeypatch, tmp_path):
    def fail(*_):
        raise ConfigError("no rooms")

    monkeypatch.setitem(flows.lesson._CARDS, "sam", fail)
    with pytest.raises(ConfigError, match="no rooms"):
        told("sam", 3)
    assert logged(tmp_path)[1].info.status == "FAILED"
