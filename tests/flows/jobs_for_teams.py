"""Jobs that the tests of teams send: module-level functions, as real jobs are."""

import os
import time
from collections.abc import Callable
from pathlib import Path
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
        if how == "is missed":
            wait_until(_gone(team).exists)
            raise ValueError("connection closed by peer")
        time.sleep(600)
    if how == "is missed":
        _gone(team).touch()
    if how in ("dies", "is missed"):
        os._exit(9)
    raise ValueError(f"rank {rank} has had enough")


def wait_until(happened: Callable[[], bool]) -> None:
    """Look until something has happened."""
    while not happened():
        time.sleep(0.01)


def _gone(team: Team) -> Path:
    """A file that says that a process of a team is about to end."""
    if team.meeting is None:
        raise ValueError("a team of one")
    return team.meeting.with_name("gone")
