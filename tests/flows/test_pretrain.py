"""Pre-training as a flow: what the console and MLflow hear of it."""

import io
import json

import pytest
import torch
from rich.console import Console

import flows.lesson
from flows.errors import explained
from flows.lesson import ENCODERS
from flows.pretrain import run_pretrain
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace
from hcfres.training.checkpoint import save
from hcfres.training.pretrain.card import Card, Figure
from hcfres.training.pretrain.loop import CHECKPOINT, Progress


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


@pytest.mark.parametrize("steps", [0, -1])
def test_fewer_steps_than_one_are_refused_before_anything_is_made(tmp_path, monkeypatch, steps):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    with pytest.raises(ConfigError, match=rf"--steps is {steps}: give 1 or more, or leave it out"):
        run_pretrain("clip", tmp_path / "weights", steps, 0, Console(quiet=True))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_what_every_generator_takes(tmp_path, monkeypatch, seed):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    with pytest.raises(ConfigError, match=rf"--seed is {seed}: give 0 to 4294967295"):
        run_pretrain("text", tmp_path / "weights", None, seed, Console(quiet=True))
    assert not list(tmp_path.iterdir())


def explained_clip(folder, steps, seed):
    """What a person is told who asks for the tiny CLIP and does not get it."""
    console = Console(width=300, file=io.StringIO(), record=True)
    with pytest.raises(SystemExit) as ended, explained(console):
        run_pretrain("clip", folder, steps, seed, console)
    assert ended.value.code == 2
    return console.export_text()


@pytest.mark.parametrize(("steps", "seed"), [(60, 0), (50, 1)])
def test_what_another_training_left_is_one_message(told, tmp_path, steps, seed):
    path = leave_state(tmp_path / "clip", "clip, 50 steps, seed 0")
    said = explained_clip(tmp_path, steps, seed)
    asked = f"and this is clip, {steps} steps, seed {seed}"
    assert f"hcfres: {path}: belongs to training clip, 50 steps, seed 0" in said
    assert asked in said
    assert "Remove the folder to train anew" in said


def test_a_truncated_state_is_one_message(told, tmp_path):
    path = leave_state(tmp_path / "clip", "clip, 50 steps, seed 0")
    path.write_bytes(path.read_bytes()[:60])
    said = explained_clip(tmp_path, 50, 0)
    assert f"hcfres: {path}: damaged" in said
    assert "Remove the folder to train anew" in said


def leave_state(folder, identity):
    """The state of some training where the tiny encoder's would be."""
    network = torch.nn.Linear(1, 1)
    save(folder / CHECKPOINT, network, torch.optim.AdamW(network.parameters()), 50, identity)
    return folder / CHECKPOINT / "state.safetensors"
