"""What a pre-training of the tiny RoBERTa keeps between two steps, to go on from there."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hcfres.data.errors import DataError
from hcfres.store.files import write_atomic

CHECKPOINT = "checkpoint.pt"
Identity = dict[str, int]
"""What a training was asked for, by name: one of other numbers is another training."""


def is_kept(folder: Path, identity: Identity) -> bool:
    """Whether there is something to go on with.

    Raises:
        DataError: it is damaged, or of another training.
    """
    return _read(folder / CHECKPOINT, identity) is not None


def resume(
    folder: Path, identity: Identity, network: nn.Module, optimiser: torch.optim.Optimizer
) -> int:
    """Give the steps done already, 0 of none, their result put into network and optimiser.

    Raises:
        DataError: as `is_kept`.
    """
    state = _read(folder / CHECKPOINT, identity)
    if state is None:
        return 0
    network.load_state_dict(state["pupil"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def save(
    folder: Path,
    identity: Identity,
    step: int,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write the state after `step` steps, in place of the one before.

    Raises:
        StoreError: the disk is full or refuses.
    """
    state = {
        "identity": identity,
        "step": step,
        "pupil": network.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    content = io.BytesIO()
    torch.save(state, content)
    write_atomic(folder / CHECKPOINT, content.getvalue())


def _read(path: Path, identity: Identity) -> dict[str, Any] | None:
    """The state that `save` wrote; None where nothing was."""
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = dict(state["identity"])
    except Exception as error:  # of a damaged file torch raises whatever comes
        reason = f"damaged, or not of a pre-training ({type(error).__name__})"
        raise DataError(path, reason, "Remove it to train anew") from None
    if known != identity:
        reason = f"belongs to a training of {told(known)}, and this is of {told(identity)}"
        raise DataError(path, reason, "Remove it to train anew, or name another folder")
    return state


def told(identity: Identity) -> str:
    """What was asked for, for people."""
    return ", ".join(f"{name} {value}" for name, value in identity.items())
