"""The time of a trained cell on training scenes that were held out, measured in a worker."""

import json
import statistics

from flows.cell_jobs import trained_network
from flows.datasets import dataset_folder
from flows.trained import LATENCY
from hcfres.config.cell import CellConfig
from hcfres.data.dataset import Dataset
from hcfres.evaluation.cost import measure_latency
from hcfres.pipeline.collate import collate
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace
from hcfres.training.order import split_spaces

_SCENES = 4


def time_cell(cell: CellConfig, key: str, preparation: Preparation) -> None:
    """Write the median milliseconds of a scene and one sentence into the cell's folder.

    As Table IV's, on up to four held-out scenes; encoders in front of the network do not count.
    """
    workspace = Workspace()
    folder, device = workspace.cells / key, preparation.machine.device
    dataset = Dataset(dataset_folder(cell.setting, workspace))
    everything = PreparedSplit(dataset, "train", cell.setting, cell.method, preparation)
    _, held_out = split_spaces(everything.scene_ids, cell.setting.data.held_out)
    network = trained_network(cell, folder, preparation)
    samples = [everything.sample(scene_id).take([0]) for scene_id in held_out[:_SCENES]]
    measured = [
        measure_latency(network, collate([sample], cell.setting.size.voxel_m).to(device))
        for sample in samples
    ]
    whole = statistics.median(one.scene_ms + one.expression_ms for one in measured)
    told = {"latency_ms": whole, "device": device, "code": code_of_cells()}
    write_atomic(folder / LATENCY, json.dumps(told).encode())
