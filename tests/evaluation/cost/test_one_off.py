"""What a scan costs before any sentence."""

from pathlib import Path

import pytest
import torch

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.evaluation.cost.one_off import (
    Bench,
    OneOff,
    StepClock,
    StepCost,
    measure_one_off,
)
from hcfres.evaluation.cost.times import Budget, Times

CPU = torch.device("cpu")
EXPERIMENTS = Path(__file__).parents[3] / "experiments"
ONCE = Budget(repeats=1, seconds=0.0)
TOKENS = ["CLIP tokens", "lifting of tokens", "average of tokens"]
INSTANCES = ["SAM masks", "pooling", "lifting of instances", "average of instances"]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("mdin", ["superpoints"]),
        pytest.param("ipdn", ["superpoints", *TOKENS], marks=pytest.mark.slow),
        ("hcf_res", ["superpoints", *TOKENS, *INSTANCES]),
    ],
)
def test_a_method_pays_for_what_it_looks_at(name, steps, tmp_path):
    setting = load(EXPERIMENTS / "settings" / "smoke.toml", SettingConfig)
    method = load(EXPERIMENTS / "methods" / f"{name}.toml", MethodConfig)
    done: list[str] = []
    clock = StepClock(CPU, ONCE, done.append)
    found = measure_one_off(setting, method.semantics, Bench(tmp_path, CPU, 1), clock)
    assert [step.name for step in found.steps] == done == steps
    assert [one.name for one in found.encoders] == ["CLIP", "SAM"][: len(steps) // 3]
    assert all(one.used <= one.parameters for one in found.encoders)


def test_a_scan_is_counted_up_from_its_frames():
    def step(name: str, ms: float, per_frame: bool) -> StepCost:
        return StepCost(name, Times(ms, ms, 1), per_frame, None)

    steps = (step("superpoints", 130.0, False), step("SAM", 1000.0, True), step("CLIP", 50.0, True))
    found = OneOff(steps, (), frames=2, frames_of_scan=20, image=(640, 480), masks=9)
    assert found.scan_ms == 130 + 20 * 1050


def test_a_step_is_done_once_however_long_it_takes_and_gives_what_came_of_it():
    clock = StepClock(CPU, Budget(repeats=5, seconds=0.0))
    calls: list[int] = []
    assert clock.step("count", lambda: calls.append(1) or "done", frames=4) == "done"
    assert len(calls) == clock.steps[0].times.repeats == 1
    assert clock.steps[0].per_frame


def test_a_step_is_repeated_within_its_budget():
    clock = StepClock(CPU, Budget(repeats=5, seconds=60.0))
    clock.step("nothing", lambda: None)
    assert clock.steps[0].times.repeats == 5
    assert not clock.steps[0].per_frame
