"""The ancestors' published weights as a trained method of ours, every entry accounted for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hcfres.config.cell import CellConfig
from hcfres.data.errors import DataError, too_many
from hcfres.model.build import build_network
from hcfres.model.checkpoint_file import PublishedState
from hcfres.model.network import HcfRes
from hcfres.model.published import PUBLISHED, Published, as_published
from hcfres.training.cell import Widths
from hcfres.training.published_text import (
    OLD_BUFFERS,
    Shapes,
    is_dead_text,
    shapes_of,
    text_shapes,
)

_COUNTERS = "num_batches_tracked"
_WRONG_METHOD = "Name the method of this file with --method, or the file of this method"


@dataclass(frozen=True)
class Account:
    """What becomes of each entry of a published checkpoint; names are the file's."""

    used: Mapping[str, str]
    """And what the parameter or buffer is called here."""
    dead: tuple[str, ...]
    """Parameters that no output depends on: not kept."""
    text: tuple[str, ...]
    """The text encoder's, which is frozen and a part of the setting."""
    objective: tuple[str, ...]
    """Weights of the loss terms: not kept."""
    others: tuple[str, ...]
    """What lies beside the weights: not kept."""
    absent_dead: tuple[str, ...]
    """Parameters without effect that the authors' files have and this one lacks."""

    @property
    def total(self) -> int:
        """Entries of the weights' table."""
        return len(self.used) + len(self.dead) + len(self.text) + len(self.objective)


def published_cell(cell: CellConfig) -> CellConfig:
    """The cell whose network has the authors' behaviour and needs no other file of weights.

    Raises:
        KeyError: the method has no public weights.
    """
    without = {"backbone_weights": None, "text": "frozen"}
    training = cell.setting.training.model_copy(update=without)
    setting = cell.setting.model_copy(update={"training": training})
    method = as_published(cell.method)
    title = f"{method.title} (published weights)"
    renamed = method.model_copy(update={"name": f"{method.name}_published", "title": title})
    return cell.model_copy(update={"method": renamed, "setting": setting})


def account(path: Path, state: PublishedState, cell: CellConfig, widths: Widths) -> Account:
    """Say of every entry what it is, by name and shape; nothing is copied.

    Args:
        path: of the file, for messages.
        state: what it holds.
        cell: method and setting asked for; the method by its own name, not yet as published.
        widths: of the encoders' features.

    Raises:
        DataError: entries are unexpected or misshapen, or some are missing.
    """
    names = PUBLISHED[cell.method.name]
    _require_method(path, state.tensors, names)
    network = shapes_of(_on_meta(cell, widths, dead_heads=False))
    dead = _without(shapes_of(_on_meta(cell, widths, dead_heads=True)), network)
    texts = text_shapes(cell.setting.text)
    found = _sort(state, names, network, dead)
    given = {name.removeprefix(names.text): tensor for name, tensor in found.text.items()}
    problems = [f"unexpected: {name}" for name in found.unexpected]
    problems += [f"missing: {_told(names, n)}" for n in network if n not in found.used.values()]
    problems += _text_problems(given, texts, names)
    expected = network | dead
    problems += misfits(
        (name, state.tensors[name], expected[ours])
        for name, ours in (found.used | found.dead).items()
    )
    if problems:
        reason = f"not the weights of {cell.method.title} at these sizes, {too_many(problems, 8)}"
        raise DataError(path, reason, _WRONG_METHOD)
    return Account(
        used=found.used,
        dead=(*found.dead, *(n for n in found.text if is_dead_text(n.removeprefix(names.text)))),
        text=tuple(n for n in found.text if not is_dead_text(n.removeprefix(names.text))),
        objective=found.objective,
        others=state.others,
        absent_dead=tuple(_told(names, n) for n in dead if n not in found.dead.values()),
    )


def network_from(
    path: Path, state: PublishedState, told: Account, cell: CellConfig, widths: Widths
) -> HcfRes:
    """The network with the file's weights, in float32.

    Args:
        cell: as `published_cell` gives it.

    Raises:
        DataError: a weight is not finite.
    """
    network = build_network(cell.method, cell.setting.size, widths.dense, widths.text)
    require_finite(path, state, (*told.used, *told.text))
    network.load_state_dict({name: state.tensors[theirs] for theirs, name in told.used.items()})
    return network.eval()


def require_finite(path: Path, state: PublishedState, names: Iterable[str]) -> None:
    """Refuse weights that no forward pass survives, the file named."""
    broken = [f"{name} {told}" for name in names if (told := _unusable(name, state.tensors[name]))]
    if broken:
        reason = f"weights that no forward pass survives, {too_many(broken, 3)}"
        raise DataError(path, reason, "Get another checkpoint; this training had diverged")


def _unusable(name: str, tensor: Tensor) -> str:
    if not tensor.float().isfinite().all():
        return "is not finite"
    return "is negative" if name.endswith("running_var") and (tensor < 0).any() else ""


@dataclass(frozen=True)
class _Sorted:
    used: dict[str, str]
    dead: dict[str, str]
    text: dict[str, Tensor]
    objective: tuple[str, ...]
    unexpected: tuple[str, ...]


def _sort(state: PublishedState, names: Published, network: Shapes, dead: Shapes) -> _Sorted:
    used, without_effect, unexpected = {}, {}, []
    text = {name: t for name, t in state.tensors.items() if name.startswith(names.text)}
    objective = tuple(name for name in state.tensors if name in names.objective)
    for name in state.tensors.keys() - text.keys() - set(objective):
        ours = names.ours(name)
        if ours in network:
            used[name] = ours
        elif ours in dead:
            without_effect[name] = ours
        else:
            unexpected.append(name)
    return _Sorted(
        dict(sorted(used.items())),
        dict(sorted(without_effect.items())),
        text,
        objective,
        tuple(sorted(unexpected)),
    )


def _require_method(path: Path, tensors: Collection[str], names: Published) -> None:
    """Refuse another ancestor's file at once, by name, instead of listing a thousand entries."""
    if any(name.startswith(names.decoder) for name in tensors):
        return
    for other in PUBLISHED.values():
        if any(name.startswith(other.decoder) for name in tensors):
            reason = f"these are weights of {other.method}, not of {names.method}"
            raise DataError(path, reason, f"Say --method {other.method}")
    first = ", ".join(sorted(name[:60] for name in tensors)[:3])
    reason = f"nothing in it is called {names.decoder}*; it begins with {first}"
    raise DataError(path, reason, _WRONG_METHOD)


def _on_meta(cell: CellConfig, widths: Widths, dead_heads: bool) -> HcfRes:
    method = as_published(cell.method, dead_heads)
    with torch.device("meta"):
        return build_network(method, cell.setting.size, widths.dense, widths.text)


def _without(shapes: Shapes, others: Shapes) -> Shapes:
    return {name: shape for name, shape in shapes.items() if name not in others}


def _told(names: Published, ours: str) -> str:
    """A name as the file's owner knows it."""
    return names.theirs(ours) or ours


def _text_problems(given: Mapping[str, Tensor], texts: Shapes, names: Published) -> list[str]:
    needed = {name: shape for name, shape in texts.items() if not is_dead_text(name)}
    unknown = [name for name in given if name not in texts and name not in OLD_BUFFERS]
    return [
        *(f"unexpected: {names.text}{name}" for name in unknown),
        *(f"missing: {names.text}{name}" for name in needed if name not in given),
        *misfits((names.text + n, given[n], texts[n]) for n in texts if n in given),
    ]


def misfits(entries: Iterable[tuple[str, Tensor, torch.Size]]) -> list[str]:
    """What is wrong with entries that should have a shape, and numbers of the right kind."""
    wrong = []
    for name, tensor, shape in entries:
        if tensor.shape != shape:
            wrong.append(f"{name} has shape {tuple(tensor.shape)}, not {tuple(shape)}")
        elif tensor.is_floating_point() == name.endswith(_COUNTERS):
            wrong.append(f"{name} holds {tensor.dtype}")
    return wrong
