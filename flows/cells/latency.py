"""The time of a trained cell on training scenes that were held out, measured in a worker."""

import json
from dataclasses import replace

from flows.cells.jobs import time_warm_scenes, trained_network
from flows.cells.trained import LATENCY, hardware_of
from flows.datasets import dataset_folder
from hcfres.config.cell import CellConfig
from hcfres.data.dataset import Dataset
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace
from hcfres.training.order import split_spaces


def time_cell(cell: CellConfig, key: str, preparation: Preparation) -> None:
    """Write the median milliseconds of a warm scene to its answer into the cell's folder.

    As Table IV's, on a few held-out scenes, while other workers do what they do: it compares with
    those of the same search alone.
    """
    workspace = Workspace()
    folder = workspace.cells / key
    dataset = Dataset(dataset_folder(cell.setting, workspace))
    everything = PreparedSplit(dataset, "train", cell.setting, cell.method, preparation)
    _, held_out = split_spaces(everything.scene_ids, cell.setting.data.held_out)
    network = trained_network(cell, folder, preparation)
    judges = replace(everything, only=frozenset(held_out))
    times = time_warm_scenes(network, judges, cell, preparation)
    told = {
        "latency_ms": times.whole.median_ms,
        "device": preparation.machine.device,
        "hardware": hardware_of(preparation.machine.device),
        "code": code_of_cells(),
    }
    write_atomic(folder / LATENCY, json.dumps(told).encode())
