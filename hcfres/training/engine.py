"""Device, precision and processes of a training: the only file that knows Accelerate.

Accelerate keeps its state for the whole process and reads it from the environment. Here it is
made from values, for the time of one training, whatever the environment says (decision 144).
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast, gather_object
from jaxtyping import Float
from torch import Tensor, distributed, nn

from hcfres.config.loading import ConfigError
from hcfres.training.team import ALONE, Team

_T = TypeVar("_T")

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: one of them also answers the held-out rooms. That one
died is noticed by whoever started them."""
_SPOKEN_TO = ("ACCELERATE_", "FSDP_")
_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "PMI_", "OMPI_", "MV2_")
"""Beginnings of the variables that Accelerate reads."""


class Engine:
    """What a training asks of the machine. Sums are over processes, and the same in each."""

    def __init__(self, accelerator: Accelerator, team: Team) -> None:
        self._accelerator = accelerator
        self.team = team
        self.device = accelerator.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.team.rank == 0

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Inside, the network computes in the precision of the training."""
        return self._accelerator.autocast()

    def share(self, items: Sequence[_T]) -> tuple[_T, ...]:
        """This process's part of what all share; none for some where there are too few."""
        return tuple(items[self.team.rank :: self.team.size])

    def total(self, numbers: Tensor) -> Tensor:
        """The sum of the processes' numbers."""
        if self.team.size == 1:
            return numbers
        return self._accelerator.reduce(numbers, reduction="sum")

    def together(self, told: _T) -> list[_T]:
        """What each process tells, in order."""
        return [told] if self.team.size == 1 else list(gather_object([told]))

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give each parameter the sum of its gradients; none where no process has one."""
        if self.team.size == 1:
            return
        there = [float(parameter.grad is not None) for parameter in parameters]
        flat = [_or_zero(parameter).flatten() for parameter in parameters]
        summed = self.total(torch.cat([*flat, flat[0].new_tensor(there)]))
        *gradients, known = summed.split([*map(len, flat), len(there)])
        for parameter, gradient, count in zip(parameters, gradients, known.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter) if count else None

    def agree(self, network: nn.Module) -> None:
        """Give every process the first one's buffers, such as the statistics of BatchNorm."""
        if self.team.size > 1:
            for buffer in network.buffers():
                buffer.copy_(broadcast(buffer))


@contextlib.contextmanager
def open_engine(device: str, precision: str, team: Team = ALONE) -> Iterator[Engine]:
    """Set a training's device, precision and processes up, and away again.

    Args:
        device: "cpu" or "cuda": the one GPU that the process sees.
        precision: "fp32", or "bf16" for products of the network in bf16. Weights, gradients and
            losses are fp32 either way.
        team: blocks until all of it are here.

    Raises:
        ConfigError: the GPU does not compute in bf16.
    """
    mixed = {"fp32": "no", "bf16": "bf16"}[precision]
    if precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigError('training.precision is "bf16", which this GPU has not: give "fp32"')
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        _meet(device, team)
        with _environment(_launch_of(team)):
            accelerator = Accelerator(cpu=device == "cpu", mixed_precision=mixed)
        yield Engine(accelerator, team)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        if distributed.is_initialized():
            distributed.destroy_process_group()


def stand_by(network: nn.Module) -> Float[Tensor, ""]:
    """Take the part of a process without a scene in the synchronised normalisations: none.

    They must run in the order in which they are registered, as the U-Net's do.

    Returns:
        0, whose gradient takes part in those of the others' scenes.
    """
    zero = next(network.parameters()).new_zeros((), requires_grad=True)
    for module in network.modules():
        if isinstance(module, nn.SyncBatchNorm) and module.training:
            nothing = zero.expand(0, module.num_features) + zero
            zero = zero + module(nothing).sum()
    return zero


def synchronise(network: nn.Module, device: str, team: Team) -> None:
    """On GPUs, let the network's BatchNorms take their statistics over all processes."""
    if team.size > 1 and device != "cpu":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)


def _or_zero(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _meet(device: str, team: Team) -> None:
    if team.size > 1:
        distributed.init_process_group(
            "gloo" if device == "cpu" else "nccl",
            init_method=f"file://{team.meeting}",
            rank=team.rank,
            world_size=team.size,
            timeout=PATIENCE,
        )


def _launch_of(team: Team) -> dict[str, str]:
    """What a launcher would set; each process sees one device, its own, as the first."""
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    if team.size == 1:
        return threads
    size, rank = str(team.size), str(team.rank)
    local = {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": size}
    return {"RANK": rank, "WORLD_SIZE": size, **local, **threads}


@contextlib.contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Show Accelerate these variables of its own and no others."""
    before = dict(os.environ)
    for name in before:
        if name.startswith((*_SPOKEN_TO, *_LAUNCHED)):
            del os.environ[name]
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
