"""What workers are asked to do: module-level functions of plain arguments, each one call deep.

Every job gets a callable that sends events to the flow that waits for it. Only workers import
this module: it brings torch and the encoders with it.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from flows.datasets import dataset_folder
from flows.tracing.origin import recorded
from hcfres.config.cell import CellConfig
from hcfres.config.method import MethodConfig
from hcfres.config.setting import RoomsConfig, SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.expression import Expression
from hcfres.data.rooms.build import make_room_files, write_sentences
from hcfres.pipeline.jobs import Event
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.seen import WatchedDataset, notes_of
from hcfres.pipeline.text import text_job
from hcfres.store.locks import locked
from hcfres.store.store import Store, Stored, unnoticed
from hcfres.store.workspace import Workspace
from hcfres.training.team import ALONE, Team

Emit = Callable[[Any], None]


def get_ready(_: Emit) -> None:
    """Import what training and evaluation need, before they are asked for."""
    import flows.cells.jobs  # noqa: F401, PLC0415


def make_room(_: Emit, seed: int, root: str, frames: int) -> bool:
    """Write one synthetic room; False if it was there, or another launcher wrote it meanwhile."""
    with locked(Path(root) / "made" / f"room-{seed}.lock"):
        return make_room_files(seed, Path(root), frames)


def make_sentences(_: Emit, rooms: str, root: str) -> None:
    """Write the expressions of all rooms."""
    with locked(Path(root) / "made" / "sentences.lock"):
        write_sentences(RoomsConfig.model_validate_json(rooms), Path(root))


def make_stage(
    emit: Emit, stage: str, scene_id: str, setting: str, method: str, accept_code: bool
) -> float | None:
    """Put one stage of one scene into the store; the seconds it took, None if it was there."""
    config = SettingConfig.model_validate_json(setting)
    spent: list[float] = []

    def told(event: Event) -> None:
        if event.what == "frame":
            emit(event.frames)
        elif event.what == "made" and event.stage == stage:
            spent.append(event.seconds)

    jobs = SceneJobs(
        _dataset(dataset_folder(config, Workspace())),
        scene_id,
        config,
        MethodConfig.model_validate_json(method),
        preparation(accept_code, told),
    )
    getattr(jobs, stage).run()
    return spent[0] if spent else None


def make_text(_: Emit, scene_id: str, split: str, setting: str, accept_code: bool) -> float | None:
    """Put the token features of a scene's sentences into the store, as `make_stage`."""
    config = SettingConfig.model_validate_json(setting)
    spent: list[float] = []

    def told(event: Event) -> None:
        if event.what == "made":
            spent.append(event.seconds)

    dataset = _dataset(dataset_folder(config, Workspace()))
    found = _expressions(dataset, config.data.expressions, split)
    chosen = tuple(item for item in found if item.scene_id == scene_id)
    text_job(scene_id, chosen, config.text, preparation(accept_code, told)).run()
    return spent[0] if spent else None


def train_cell(emit: Emit, cell: str, key: str, accept_code: bool, team: Team = ALONE) -> None:
    """Train a cell to its last epoch; an event after each epoch says how it went."""
    from flows.cells.jobs import train  # noqa: PLC0415  a worker that only prepares needs no network

    config = CellConfig.model_validate_json(cell)
    if team.rank > 0:  # the first says where the cell comes from
        train(emit, config, key, preparation(accept_code), team)
        return
    with recorded(config, key, "train", Workspace(), team.size) as kept:
        ready = preparation(accept_code, noticed=kept.noticed)
        train(kept.listening(emit), config, key, ready, team)


def time_cell(_: Emit, cell: str, key: str, accept_code: bool) -> None:
    """Measure how long a trained cell takes on held-out training scenes."""
    from flows.cells.latency import time_cell as measure  # noqa: PLC0415

    measure(CellConfig.model_validate_json(cell), key, preparation(accept_code))


def evaluate_cell(emit: Emit, cell: str, key: str, accept_code: bool) -> None:
    """Read validation once, at the end: predictions, accuracies, cost, and DONE.json."""
    from flows.cells.jobs import evaluate  # noqa: PLC0415

    config = CellConfig.model_validate_json(cell)
    with recorded(config, key, "evaluate", Workspace()) as kept:
        evaluate(kept.listening(emit), config, key, preparation(accept_code, noticed=kept.noticed))


def preparation(
    accept_code: bool,
    told: Callable[[Event], None] = lambda _: None,
    noticed: Callable[[Stored[Any]], None] = unnoticed,
) -> Preparation:
    """Give the store, the weights and the device of this worker.

    Args:
        accept_code: keep expensive results that other code made.
        told: of what is made.
        noticed: told of results that are read.
    """
    workspace = Workspace()
    device = "cuda" if os.environ.get("HCFRES_DEVICE", "").startswith("cuda") else "cpu"
    return Preparation(
        Store(workspace.store, accept_code, noticed), Machine(workspace.weights, device), told
    )


@lru_cache(maxsize=2)
def _dataset(root: Path) -> Dataset:
    return WatchedDataset(root, notes_of(root, Workspace().store))


@lru_cache(maxsize=2)
def _expressions(dataset: Dataset, source: Any, split: Any) -> tuple[Expression, ...]:
    return dataset.expressions(source, split)
