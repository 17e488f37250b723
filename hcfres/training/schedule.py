"""The learning rate over the epochs (Sec. IV-A)."""

from torch import optim


def polynomial(initial: float, epoch: int, epochs: int, power: float) -> float:
    """Learning rate of an epoch: initial * (1 - epoch / epochs) ** power.

    Args:
        initial: learning rate of epoch 0.
        epoch: counted from 0, below `epochs`.
        epochs: length of the training.
        power: 4 in the paper.
    """
    return initial * (1 - epoch / epochs) ** power


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    """Give every group of parameters the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
