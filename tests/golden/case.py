"""Golden files, and what a comparison with one is worth."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

LIMIT = 1e-8
"""Largest difference of a float64 number from the public code's."""
EXACT = 0.0
"""For indices and decisions, whose difference is the number of those that differ."""


@dataclass(frozen=True)
class Finding:
    """One comparison."""

    file: str
    what: str
    difference: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether ours is theirs; never for a difference that is not a number."""
        return self.difference <= self.limit


@dataclass(frozen=True)
class Case:
    """One golden file."""

    name: str
    tensors: dict[str, Tensor]
    about: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        value = self.tensors[name]
        return value.double() if value.is_floating_point() else value

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def finding(self, what: str, pairs: Iterable[tuple[Tensor, Tensor]], limit: float) -> Finding:
        """The largest difference of any pair of ours and theirs; infinite of none."""
        differences = [apart(ours, theirs) for ours, theirs in pairs]
        return Finding(self.name, what, _worst(differences), limit)

    def parameters(self) -> dict[str, Tensor]:
        """The weights that the file's numbers were computed with."""
        names = [name for name in self.tensors if name.startswith("param.")]
        return {name.removeprefix("param."): self[name] for name in names}

    def under(self, prefix: str) -> Iterator[tuple[str, Tensor]]:
        """Tensors whose names begin with `prefix`, by the rest of their names."""
        for name in self.tensors:
            if name.startswith(prefix):
                yield name.removeprefix(prefix), self[name]


def read(folder: Path, name: str) -> Case:
    """Golden file `name`, floats as float64."""
    about = json.loads((folder / f"{name}.json").read_text())
    return Case(name, load_file(folder / f"{name}.safetensors"), about)


def apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two tensors, for integers and booleans the number of differing
    entries; infinite where shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    if not theirs.is_floating_point():
        return float((ours.to(theirs.dtype) != theirs).sum())
    return float((ours.detach().double() - theirs.double()).abs().max()) if theirs.numel() else 0.0


def _worst(differences: list[float]) -> float:
    return float(torch.tensor(differences).max()) if differences else float("inf")
