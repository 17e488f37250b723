"""What only a machine with GPUs can show."""

import pytest
import torch

from hcfres.training.journal import read_journal
from tests.evaluation.small import make_cell
from tests.training.teams import Training, alone, together

pytestmark = pytest.mark.gpu


def losses(folder):
    return [told.losses for told in read_journal(folder / "metrics.jsonl")]


def training(folder, device="cuda", rooms=(1, 2, 3), **changes):
    folder.mkdir()
    return Training(make_cell(epochs=3, **changes), rooms, folder, device=device)


@pytest.mark.parametrize("backbone", ["trained", "frozen"])
def test_a_gpu_learns_what_the_cpu_learns(tmp_path, backbone):
    """fp32; the first epoch, before rounding has grown."""
    for device in ("cpu", "cuda"):
        alone(training(tmp_path / device, device, backbone=backbone))
    ours, theirs = (losses(tmp_path / device)[0] for device in ("cuda", "cpu"))
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("backbone", ["trained", "frozen"])
def test_bf16_learns_on_a_gpu(tmp_path, backbone):
    alone(training(tmp_path / "bf16", precision="bf16", backbone=backbone))
    told = [epoch["total"] for epoch in losses(tmp_path / "bf16")]
    assert told[-1] < told[0]


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("backbone", ["trained", "frozen"])
def test_two_gpus_learn_what_one_learns_with_live_statistics_too(tmp_path, backbone, accumulate):
    """Three rooms: in the last batch of an epoch one process has no scene."""
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    asked = {"backbone": backbone, "accumulate": accumulate}
    alone(training(tmp_path / "one", **asked))
    together([training(tmp_path / "two", **asked)], size=2)
    ours, theirs = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4, abs=1e-5)
