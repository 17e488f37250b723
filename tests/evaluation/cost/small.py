"""A very small method with an untrained tiny RoBERTa in front of it."""

from pathlib import Path

import torch

from hcfres.evaluation.cost.passes import Answerer
from hcfres.evaluation.cost.scenes import Cloud, Widths, generated_scene
from hcfres.evaluation.cost.subject import Subject
from hcfres.evaluation.evaluate import AnswerRules
from hcfres.language.roberta import load_text
from hcfres.model.build import build_network
from tests.evaluation.small import make_cell

DENSE = 5
SENTENCES = ("the white chair", "all of the small pillows on the couch")


def make_subject(tmp_path: Path, device: str = "cpu") -> Subject:
    """Of the very small cell, with no weights at hand but the package's."""
    cell = make_cell()
    return Subject(cell.method, cell.setting, tmp_path, device)


def make_answerer(device: str = "cpu", least: int = 0) -> Answerer:
    """Its network and text encoder."""
    cell = make_cell()
    text = load_text(cell.setting.text, Path("nowhere"))
    text.network.to(device)
    torch.manual_seed(0)
    network = build_network(cell.method, cell.setting.size, DENSE, text.width)
    return Answerer(network.to(device).eval(), text, AnswerRules("gres", least))


def make_scene(device: str = "cpu", points: int = 400, superpoints: int = 30):
    """A generated scene."""
    cloud = Cloud(points, superpoints, make_cell().setting.size.voxel_m)
    return generated_scene(cloud, Widths(DENSE, DENSE)).to(device)
