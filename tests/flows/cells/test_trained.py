"""What the disk says of trainings that ended, without torch and without validation."""

import subprocess
import sys

import pytest
import torch

from flows.cells.finished import DONE
from flows.cells.trained import LATENCY, hardware_of, held_out_curve, read_trained
from flows.tracing.hardware import hardware
from hcfres.training import checkpoint
from tests.flows.fabricated import CODE, finish
from tests.flows.searches import EPOCHS, cells_in, learn


@pytest.fixture
def planned(tmp_path):
    cells = cells_in(tmp_path)
    return cells.planned(cells.search.space.walk(lambda knob: knob.base), "base")


def test_a_training_that_reached_its_last_epoch_has_a_curve_and_a_score(planned):
    learn(planned, 0.25)
    found = read_trained(planned, CODE, "cpu")
    assert found.curve == {5: 0.25, 6: 0.25}
    assert (found.miou, found.seconds, found.latency_ms) == (0.25, 60.0, None)
    learn(planned, 0.25, latency_ms=12.5)
    assert read_trained(planned, CODE, "cpu").latency_ms == 12.5


def test_one_that_has_epochs_left_does_not_count_yet_but_tells_its_curve(planned):
    assert held_out_curve(planned.folder) == {}
    learn(planned, 0.25, epochs=EPOCHS - 1)
    assert read_trained(planned, CODE, "cpu") is None
    assert held_out_curve(planned.folder) == {5: 0.25}


def test_a_last_epoch_without_its_checkpoint_is_not_done(planned):
    """A training is killed between the line of its last epoch and the checkpoint."""
    learn(planned, 0.25)
    state = planned.folder / "checkpoint" / "state.safetensors"
    state.unlink()
    assert read_trained(planned, CODE, "cpu") is None
    state.write_bytes(b"half a file")
    assert read_trained(planned, CODE, "cpu") is None


def test_what_other_code_trained_counts_only_where_it_is_accepted(planned):
    learn(planned, 0.25, code="last week's", latency_ms=5.0)
    assert read_trained(planned, CODE, "cpu") is None
    assert read_trained(planned, CODE, "cpu", accept_code=True).latency_ms == 5.0


def test_a_latency_of_another_kind_of_device_is_not_known(planned):
    learn(planned, 0.25, latency_ms=5.0, device="cuda:1")
    assert read_trained(planned, CODE, "cpu").latency_ms is None
    assert read_trained(planned, CODE, "cpu", accept_code=True).latency_ms is None
    assert read_trained(planned, CODE, "cuda").latency_ms == 5.0


def test_a_latency_that_names_no_device_is_not_known(planned):
    learn(planned, 0.25)
    (planned.folder / LATENCY).write_text(f'{{"latency_ms": 5.0, "code": "{CODE}"}}')
    assert read_trained(planned, CODE, "cpu").latency_ms is None


def test_a_latency_of_other_hardware_is_not_known(planned):
    for name in (None, "NVIDIA H200"):
        learn(planned, 0.25, latency_ms=5.0, device="cuda:0", hardware=name)
        assert read_trained(planned, CODE, "cuda", hardware="NVIDIA A100").latency_ms is None
        assert read_trained(planned, CODE, "cuda").latency_ms == 5.0
    assert read_trained(planned, CODE, "cuda", hardware="NVIDIA H200").latency_ms == 5.0


def test_this_machine_has_a_processor_to_time_on():
    assert hardware_of("cpu") == hardware().cpu != ""


def test_a_cell_counts_as_it_is_now_not_as_it_was_planned(tmp_path):
    cells = cells_in(tmp_path)
    base = cells.search.space.walk(lambda knob: knob.base)
    learn(cells.planned(base, "base"), 0.25)
    finish(cells.planned(base, "base"), {"val/all/miou": 0.5}, code="last week's")
    planned = cells.planned(base, "base")
    assert (planned.state, cells.trained(planned)) == ("other code", None)
    (planned.folder / DONE).unlink()  # as a training that begins anew does
    learn(planned, 0.75)
    assert cells.trained(planned).miou == 0.75


def test_a_finished_cell_counts_without_its_checkpoint(tmp_path):
    cells = cells_in(tmp_path)
    base = cells.search.space.walk(lambda knob: knob.base)
    learn(cells.planned(base, "base"), 0.25)
    finish(cells.planned(base, "base"), {"val/all/miou": 0.5})
    (cells.planned(base, "base").folder / "checkpoint" / "state.safetensors").unlink()
    assert cells.trained(cells.planned(base, "base")).miou == 0.25


def test_the_checkpoint_of_a_real_training_is_understood(planned):
    learn(planned, 0.25)
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    place = planned.folder / "checkpoint"
    checkpoint.save(place, network, optimizer, EPOCHS, f"{planned.key}-{CODE}")
    assert read_trained(planned, CODE, "cpu").miou == 0.25
    checkpoint.save(place, network, optimizer, EPOCHS - 1, f"{planned.key}-{CODE}")
    assert read_trained(planned, CODE, "cpu") is None


def test_reading_it_needs_no_torch():
    script = (
        "import sys, flows.cells.trained, flows.search.cells, flows.search.tune\n"
        "sys.exit(', '.join({'torch', 'prefect', 'mlflow'} & set(sys.modules)) or 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
