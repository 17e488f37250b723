"""AdamW over the trainable parameters, and one clipped step of it."""

import math

from torch import nn, optim

from hcfres.config.setting import TrainingConfig


def make_optimizer(network: nn.Module, config: TrainingConfig) -> optim.AdamW:
    """AdamW over the parameters that require a gradient, all with the same rate and decay."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return optim.AdamW(
        trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def parameters_of(optimizer: optim.Optimizer) -> list[nn.Parameter]:
    """The parameters that are learnt."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def follow(optimizer: optim.Optimizer, clip_norm: float) -> float:
    """Follow the parameters' gradients once, clipped, and return their norm before clipping.

    Where the norm is not finite, nothing is changed.
    """
    norm = float(nn.utils.clip_grad_norm_(parameters_of(optimizer), clip_norm))
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
