"""A step whose loss or gradient is not finite, kept to be looked at (decision 143)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from hcfres.data.batch import Batch
from hcfres.objective.criterion import Losses
from hcfres.store.files import write_atomic
from hcfres.training.checkpoint import read_tensors, write_tensors
from hcfres.training.engine import Engine
from hcfres.training.step import TERMS, Told

FOLDER = "nonfinite"
"""In a cell's folder: each batch as NAME.safetensors with its tensors and NAME.json with the rest,
and the network's weights as network.safetensors."""


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient that is not a number; nothing was learnt from it."""


@dataclass(frozen=True)
class Step:
    """Where a training was, and what this process was given there."""

    epoch: int
    number: int
    batches: tuple[Batch, ...]


def complain(
    step: Step, told: Told, network: nn.Module, engine: Engine, folder: Path
) -> NonFiniteLossError:
    """Keep a step that went wrong, and say where it is; every process does so together.

    Args:
        step: of this process.
        told: how it went.
        network: with the weights that the step began with.
        engine: of the training.
        folder: of the cell.
    """
    own = _guilty(step.batches, told.shares)
    nobody = not any(engine.together(bool(own)))
    suspects = step.batches if nobody else own
    place = folder / FOLDER
    for number, batch in enumerate(suspects):
        name = f"epoch{step.epoch}-step{step.number}-{engine.team.rank}-{number}"
        write_batch(place / f"{name}.safetensors", batch)
    if engine.leads:
        write_tensors(place / "network.safetensors", network.state_dict(), {})
    keys = [e.key for batch in suspects for e in batch.expressions]
    every = ", ".join(key for some in engine.together(keys) for key in some)
    said = ", ".join(f"{n} {x:g}" for n, x in zip(TERMS, told.losses.tolist(), strict=True))
    return NonFiniteLossError(
        f"epoch {step.epoch}, step {step.number}: the loss or its gradient is not finite ({said}, "
        f"gradient norm {told.gradient_norm:g}) on the expressions {every}. The batch and the "
        f"weights it met are in {place}: `hcfres.training.nonfinite.read_batch(PATH)` gives it "
        "back. The last epoch's checkpoint is untouched, and the same command comes to this step "
        "again. Look at these scenes' features, or lower learning_rate"
    )


def write_batch(path: Path, batch: Batch) -> None:
    """Keep a batch: its tensors at `path`, the rest beside it as readable JSON."""
    tensors: dict[str, Tensor] = {}
    others: dict[str, Any] = {}
    _take_apart(batch, "", tensors, others)
    write_tensors(path, tensors, {})
    told = {"scenes": list(batch.scenes.scene_ids), "keys": [e.key for e in batch.expressions]}
    text = json.dumps(told | {"others": others}, indent=1)
    write_atomic(path.with_suffix(".json"), text.encode())


def read_batch(path: Path) -> Batch:
    """The batch that `write_batch` kept.

    Raises:
        CheckpointError: the file is damaged.
    """
    tensors, _ = read_tensors(path)
    others = json.loads(path.with_suffix(".json").read_text())["others"]
    batch: Batch = _put_together(Batch, "", tensors, others)
    return batch


def _guilty(batches: Sequence[Batch], shares: Sequence[Losses]) -> tuple[Batch, ...]:
    pairs = zip(batches, shares, strict=True)
    return tuple(batch for batch, share in pairs if not torch.isfinite(share.total))


def _take_apart(part: Any, prefix: str, tensors: dict[str, Tensor], others: dict[str, Any]) -> None:
    """Sort the fields of a batch, and of its parts, into tensors and the rest."""
    for field, hint in _hints(type(part)).items():
        value = getattr(part, field)
        if isinstance(value, Tensor):
            tensors[prefix + field] = value.clone()  # two fields may be one tensor
        elif is_dataclass(value):
            _take_apart(value, f"{prefix}{field}.", tensors, others)
        else:
            others[prefix + field] = value if value is None else _json(hint, value)


def _put_together(
    kind: Any, prefix: str, tensors: dict[str, Tensor], others: dict[str, Any]
) -> Any:
    found: dict[str, Any] = {}
    for field, hint in _hints(kind).items():
        name = prefix + field
        if name in tensors:
            found[field] = tensors[name]
        elif name in others:
            value = others[name]
            found[field] = value if value is None else TypeAdapter(hint).validate_python(value)
        else:
            (part,) = [one for one in (hint, *get_args(hint)) if is_dataclass(one)]
            found[field] = _put_together(part, f"{name}.", tensors, others)
    return kind(**found)


def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _json(hint: Any, value: Any) -> Any:
    return TypeAdapter(hint).dump_python(value, mode="json")
