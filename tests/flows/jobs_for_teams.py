"""Jobs that the tests of teams send: module-level functions, as real jobs are."""

import os
import time
from collections.abc import Callable
from typing import Any

import torch

from hcfres.training.engine import open_engine
from hcfres.training.team import Team

Emit = Callable[[Any], None]


def add(emit: Emit, left: int, right: int) -> int:
    """Add, telling each number on the way."""
    emit(left)
    emit(right)
    return left + right


def sum_up(emit: Emit, number: float, team: Team) -> float:
    """Add the number of each process of a team, the first's once, the second's one more."""
    emit(f"rank {team.rank} of {team.size}")
    with open_engine("cpu", "fp32", team) as engine:
        return float(engine.total(torch.tensor(number + team.rank)))


def leave(_: Emit, rank: int, how: str, team: Team) -> None:
    """End one process of a team, while the others wait for it in vain."""
    if team.rank != rank:
        time.sleep(600)
    if how == "dies":
        os._exit(9)
    raise ValueError(f"rank {rank} has had enough")
