"""AdamW over the trainable parameters, and one clipped step of it."""

import math

import torch
from torch import Tensor, nn, optim

from hcfres.config.setting import TrainingConfig


def make_optimizer(network: nn.Module, config: TrainingConfig) -> optim.AdamW:
    """AdamW over the parameters that require a gradient, all with the same rate and decay."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return optim.AdamW(
        trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def step(optimizer: optim.Optimizer, loss: Tensor, clip_norm: float) -> float:
    """Follow the gradient of `loss` once and return its norm before clipping.

    Where the norm is not finite, nothing is changed.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, clip_norm))
    if math.isfinite(norm):
        optimizer.step()
    return norm


def train_mode(network: nn.Module) -> None:
    """Put the network into training mode, except modules without a trainable parameter.

    A frozen module stays as it was frozen: no dropout, no drift of batch statistics.
    """
    network.train()
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
