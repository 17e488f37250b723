"""Trainings by several real processes: on the CPU they find each other through gloo."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor, multiprocessing

from hcfres.config.cell import CellConfig
from hcfres.evaluation.evaluate import AnswerRules, held_out_miou
from hcfres.objective.criterion import Criterion
from hcfres.training.cell import Place, Widths, make_network, train
from hcfres.training.frozen import FrozenGeometry
from hcfres.training.loop import Checks, Run, fit
from hcfres.training.nonfinite import NonFiniteLossError
from hcfres.training.order import Chunk
from hcfres.training.team import ALONE, Team
from tests.evaluation.small import MIN_POINTS, SmallRooms


@dataclass(frozen=True)
class Training:
    """A cell on some small rooms, in a folder of its own."""

    cell: CellConfig
    rooms: tuple[int, ...]
    folder: Path
    double: bool = False
    """In double precision, with the weights after the last epoch in `double.pt`."""
    broken: int | None = None
    """The room whose image features are no numbers; `error<rank>.txt` then says what was raised."""
    checked: bool = False
    """Another room is held out, and looked at after every second epoch."""
    device: str = "cpu"


def alone(training: Training) -> None:
    """Train in this process."""
    _train(training, ALONE)


def begin_alone(training: Training) -> multiprocessing.Process:
    """Train in a new process."""
    process = multiprocessing.get_context("spawn").Process(target=alone, args=(training,))
    process.start()
    return process


def together(trainings: Sequence[Training], size: int) -> None:
    """Train one after the other in `size` new processes."""
    multiprocessing.spawn(_work, (size, tuple(trainings)), nprocs=size)


class Doubled(SmallRooms):
    """The same rooms, their numbers in double precision."""

    def batch(self, chunks, rngs):
        return _doubled(super().batch(chunks, rngs))


class Broken(SmallRooms):
    """The same rooms, one of which has features that are no numbers."""

    def __init__(self, *numbers: int, broken: int | None) -> None:
        super().__init__(*numbers)
        self._broken = f"scene{broken:04d}_00" if broken is not None else None

    def batch(self, chunks, rngs):
        batch = super().batch(chunks, rngs)
        ids, width = batch.scenes.scene_ids, batch.scenes.superpoint_counts[0]
        if self._broken in ids:
            start = width * ids.index(self._broken)
            batch.scenes.dense[start : start + width] = torch.nan
        return batch


def _doubled(part):
    """A batch or a part of one; what is no floating tensor stays as it is."""
    changed = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, Tensor) and value.is_floating_point():
            changed[field.name] = value.double()
        elif field.name in ("scenes", "text", "targets"):
            changed[field.name] = _doubled(value)
    return replace(part, **changed)


def _work(rank: int, size: int, trainings: Sequence[Training]) -> None:
    torch.set_num_threads(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = str(rank)  # as a worker sees its own GPU alone
    for number, training in enumerate(trainings):
        training.folder.mkdir(parents=True, exist_ok=True)
        _train(training, Team(rank, size, training.folder / f"meeting{number}"))


def _train(training: Training, team: Team) -> None:
    if training.double:
        _train_double(training, team)
        return
    place = Place(training.folder, training.folder, training.device, team)
    rooms = Broken(*training.rooms, broken=training.broken)
    checks = Checks(_held_out, every=2) if training.checked else Checks()
    try:
        train(training.cell, rooms, place, lambda _: None, checks)
    except NonFiniteLossError as error:
        (training.folder / f"error{team.rank}.txt").write_text(str(error))


def _held_out(network) -> float:
    return held_out_miou(network, SmallRooms(9), AnswerRules("gres", MIN_POINTS))


def _train_double(training: Training, team: Team) -> None:
    cell, rooms = training.cell, Doubled(*training.rooms)
    network = make_network(cell, Widths(5, 7), training.folder).double()
    run = Run(
        network=network,
        predict=FrozenGeometry(
            network, lambda scene_id: rooms.batch((Chunk(scene_id, (0,)),), ()).scenes
        ),
        criterion=Criterion(cell.method.losses),
        source=rooms,
        config=cell.setting.training,
        seed=cell.seed,
        identity="double",
        folder=training.folder,
        team=team,
    )
    fit(run, report=lambda _: None)
    if team.rank == 0:
        torch.save(network.state_dict(), training.folder / "double.pt")
