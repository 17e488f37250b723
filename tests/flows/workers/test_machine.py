"""Which GPUs a launcher hands out: those that it was given, by the names that it was given."""

import pytest
import torch

from flows.workers.machine import devices, expected_devices, own_device
from flows.workers.process import Order
from flows.workers.worker import start_process
from hcfres.config.loading import ConfigError

GIVEN = [
    (None, 2, ("cuda:0", "cuda:1")),
    ("2,3", 2, ("cuda:2", "cuda:3")),
    ("3, 1", 2, ("cuda:3", "cuda:1")),
    ("GPU-5fe0c1a2,GPU-77", 2, ("cuda:GPU-5fe0c1a2", "cuda:GPU-77")),
    ("2,9", 1, ("cuda:2",)),
    ("", 0, ("cpu",)),
    (None, 0, ("cpu",)),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine of which the test says how many GPUs a process sees, and the driver has eight."""
    for number in range(8):
        (tmp_path / str(number)).mkdir()
    monkeypatch.setattr("flows.workers.machine._DRIVER", tmp_path)
    monkeypatch.setenv("HCFRES_WORKERS", "1")
    for name in ("HCFRES_DEVICE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)

    def of(visible, seen):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return of


@pytest.mark.parametrize(("visible", "seen", "named"), GIVEN)
def test_workers_get_the_gpus_that_the_launcher_was_given(machine, visible, seen, named):
    machine(visible, seen)
    assert devices() == named


@pytest.mark.parametrize(("visible", "named"), [(v, n) for v, seen, n in GIVEN if seen == 2 and v])
def test_a_plan_reckons_with_the_gpus_that_were_given_before_torch_is_asked(
    machine, visible, named
):
    machine(visible, 0)
    assert expected_devices() == named


def test_in_its_own_process_the_first_of_them_is_torchs_first(machine, monkeypatch):
    machine("2,3", 2)
    assert own_device() == "cuda:0"
    monkeypatch.setenv("HCFRES_DEVICE", "cuda:3")
    assert devices() == ("cuda:3",)
    assert own_device() == "cuda:1"
    monkeypatch.setenv("HCFRES_DEVICE", "cuda:0")
    with pytest.raises(ConfigError, match="torch finds no such GPU here"):
        devices()


def test_a_worker_sees_the_gpu_that_it_is_called_after_and_no_other(machine, monkeypatch):
    machine("2,3", 2)
    process, pipe = start_process("cuda:3", 1)
    try:
        pipe.send(Order("tests.flows.jobs_for_tests:environment", ("CUDA_VISIBLE_DEVICES",), None))
        while (message := pipe.recv())[0] == "beat":
            pass
        assert message == ("done", "3")
    finally:
        process.kill()
        process.join()
