"""Two processes learn what one learns."""

import pytest
import torch

from hcfres.training.journal import read_journal
from hcfres.training.nonfinite import read_batch
from tests.evaluation.small import make_cell
from tests.training.teams import Training, alone, together

CASES = {
    "one step an epoch": ({}, (1, 2)),
    "a batch with one scene, and one process with none": ({}, (1, 2, 3)),
    "accumulated": ({"accumulate": 2}, (1, 2, 3, 4, 5)),
}
"""Changes of the training, and the rooms; the U-Net and so every statistic is frozen."""


def cases(folder, **changes):
    return {
        name: Training(
            make_cell(backbone="frozen", epochs=3, **training), rooms, folder / name, **changes
        )
        for name, (training, rooms) in CASES.items()
    }


def both(folder, double, *more):
    """The same trainings by one process and by two."""
    for training in cases(folder / "one", double=double).values():
        training.folder.mkdir(parents=True)
        alone(training)
    together([*cases(folder / "two", double=double).values(), *more], size=2)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """In fp32, and one that is broken."""
    folder = tmp_path_factory.mktemp("single")
    cell = make_cell(backbone="frozen", epochs=1)
    return both(folder, False, Training(cell, (1, 2, 3, 4), folder / "broken", broken=3))


@pytest.fixture(scope="module")
def precise(tmp_path_factory):
    """In double precision."""
    return both(tmp_path_factory.mktemp("double"), True)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_losses_of_one(folders, name):
    one, two = (read_journal(folders / w / name / "metrics.jsonl") for w in ("one", "two"))
    assert len(one) == len(two) == 3
    for ours, theirs in zip(one, two, strict=True):
        assert theirs.losses == pytest.approx(ours.losses, rel=1e-6, abs=1e-6)
        assert theirs.gradient_norm == pytest.approx(ours.gradient_norm, rel=1e-6, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_weights_of_one(precise, name):
    """In double precision: AdamW turns the rounding of gradients that ought to be 0 into steps."""
    one, two = (torch.load(precise / w / name / "double.pt") for w in ("one", "two"))
    assert one.keys() == two.keys()
    for parameter, tensor in one.items():
        torch.testing.assert_close(two[parameter], tensor, rtol=0, atol=1e-6)


def test_only_the_first_of_two_processes_writes(folders):
    kept = {path.name for path in (folders / "two" / "accumulated").iterdir()}
    assert kept == {"checkpoint", "metrics.jsonl", "weights.safetensors"}


def test_every_process_stops_at_a_loss_that_is_not_finite_and_names_whose_it_is(folders):
    folder = folders / "broken"
    first, second = ((folder / f"error{rank}.txt").read_text() for rank in (0, 1))
    assert first == second
    assert "scene0003_00|" in first
    assert "scene0001_00|" not in first
    kept = [read_batch(path) for path in (folder / "nonfinite").glob("epoch0-*.safetensors")]
    assert kept
    assert {batch.scenes.scene_ids for batch in kept} == {("scene0003_00",)}
    assert not (folder / "weights.safetensors").exists()
