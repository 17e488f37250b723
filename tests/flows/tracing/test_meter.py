"""What a piece of work takes."""

import time

import pytest

from flows.tracing import meter
from flows.tracing.meter import Meter


def test_time_of_the_wall_and_of_the_processor_are_two_things():
    measured = Meter("cpu")
    time.sleep(0.3)
    idle = measured.read()
    assert 0.3 <= idle.wall_s < 3
    assert idle.device_s < 0.2
    ends = time.process_time() + 0.3
    while time.process_time() < ends:
        pass
    busy = measured.read()
    assert busy.device_s >= 0.3 > idle.device_s
    assert busy.wall_s >= idle.wall_s + 0.3


def test_the_memory_of_earlier_work_does_not_count():
    held = bytearray(400_000_000)
    held[::4096] = b"x" * len(held[::4096])
    del held
    if not meter._RESET_PEAK.exists():
        pytest.skip("this system does not forget a peak")
    measured = Meter("cpu")
    before = measured.read().memory_mb
    held = bytearray(100_000_000)
    held[::4096] = b"x" * len(held[::4096])
    after = measured.read().memory_mb
    assert 90 < after - before < 200


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """Two processors, one with a part that is counted again in it; `count` sets a counter."""
    monkeypatch.setattr(meter, "_RAPL", tmp_path)

    def count(name, microjoules):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "energy_uj").write_text(f"{microjoules}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("10000000\n")

    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        count(name, 9_000_000)
    return count


def test_joules_are_those_of_whole_processors_also_when_a_counter_begins_anew(counters):
    measured = Meter("cpu")
    assert measured.read().cpu_joules == 0
    counters("intel-rapl:0", 9_500_000)
    counters("intel-rapl:0:0", 9_500_000)
    assert measured.read().cpu_joules == 0.5
    counters("intel-rapl:1", 1_000_000)  # 1 J to its end at 10 J, and 1 J more
    assert measured.read().cpu_joules == 2.5


def test_energy_that_cannot_be_read_is_not_guessed(tmp_path, monkeypatch):
    monkeypatch.setattr(meter, "_RAPL", tmp_path)
    found = Meter("cpu").read()
    assert (found.cpu_joules, found.gpu_joules, found.gpu_memory_mb) == (None, None, None)


@pytest.mark.gpu
def test_a_gpus_memory_and_time_are_its_own():
    torch = pytest.importorskip("torch")
    measured = Meter("cuda:0")
    held = torch.zeros(50_000_000, device="cuda")
    found = measured.read()
    assert 200 <= found.gpu_memory_mb < 300
    assert found.device_s == pytest.approx(found.wall_s)
    assert held.sum() == 0
