"""What a training asks of the machine."""

import os

import pytest
import torch
from torch import nn

from hcfres.training.engine import open_engine, stand_by, synchronise
from hcfres.training.team import ALONE, Team


def product(engine) -> torch.dtype:
    with engine.autocast():
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_trainings_of_different_precision_follow_each_other_in_one_process():
    for precision, dtype in (
        ("bf16", torch.bfloat16),
        ("fp32", torch.float32),
        ("bf16", torch.bfloat16),
    ):
        with open_engine("cpu", precision) as engine:
            assert product(engine) == dtype
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    "variables",
    [
        {"WORLD_SIZE": "4", "RANK": "1", "LOCAL_RANK": "1"},
        {"ACCELERATE_MIXED_PRECISION": "bf16"},
        {"ACCELERATE_USE_FSDP": "true"},
        {"ACCELERATE_TORCH_DEVICE": "meta"},
    ],
)
def test_the_environment_does_not_decide(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with open_engine("cpu", "fp32") as engine:
        assert dict(os.environ) == before
        assert (engine.device.type, engine.leads, product(engine)) == ("cpu", True, torch.float32)
        assert engine.share([1, 2, 3]) == (1, 2, 3)
        assert engine.together("here") == ["here"]
        assert engine.total(torch.tensor(3.0)) == 3
    assert dict(os.environ) == before


def test_a_training_that_fails_leaves_nothing_behind():
    with pytest.raises(ArithmeticError), open_engine("cpu", "bf16"):
        raise ArithmeticError
    with open_engine("cpu", "fp32") as engine:
        assert product(engine) == torch.float32


def test_the_number_of_threads_stays():
    before = torch.get_num_threads()
    with open_engine("cpu", "fp32"):
        assert torch.get_num_threads() == before


def test_statistics_stay_a_processs_own_on_the_cpu():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    synchronise(network, "cpu", Team(0, 2))
    assert type(network[1]) is nn.BatchNorm1d


def test_statistics_are_synchronised_on_gpus_where_there_are_several_processes():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    names = list(network.state_dict())
    synchronise(network, "cuda", ALONE)
    assert type(network[1]) is nn.BatchNorm1d
    synchronise(network, "cuda", Team(1, 2))
    assert type(network[1]) is nn.SyncBatchNorm
    assert list(network.state_dict()) == names


def test_a_process_without_a_scene_meets_each_normalisation_in_the_order_they_run_in(monkeypatch):
    """As if it ran: forward in order, backward in the opposite one, on no point at all."""
    met = []

    class Met(torch.autograd.Function):
        @staticmethod
        def forward(ctx, rows, width):
            ctx.width = width
            met.append(("forward", width, len(rows)))
            return rows.clone()

        @staticmethod
        def backward(ctx, gradient):
            met.append(("backward", ctx.width, len(gradient)))
            return gradient, None

    monkeypatch.setattr(
        nn.SyncBatchNorm, "forward", lambda self, x: Met.apply(x, self.num_features)
    )
    network = nn.Sequential(*(nn.SyncBatchNorm(width) for width in (3, 4, 5)), nn.Linear(1, 1))
    network[1].eval()
    stand_by(network).backward()
    assert met == [("forward", 3, 0), ("forward", 5, 0), ("backward", 5, 0), ("backward", 3, 0)]


def test_the_u_nets_normalisations_run_in_the_order_in_which_they_are_registered():
    from hcfres.model.backbone import SparseUNet  # noqa: PLC0415  brings the sparse convolutions

    network, ran = SparseUNet(6, 4, 3), []
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        norm.register_forward_hook(lambda module, *_: ran.append(module))
    points = torch.arange(24).reshape(8, 3) % 7
    network(points, torch.randn(8, 6), torch.zeros(8, dtype=torch.long), 1)
    assert [id(norm) for norm in ran] == [id(norm) for norm in norms]
