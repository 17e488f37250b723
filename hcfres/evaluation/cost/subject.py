"""What is measured: a method at a setting's sizes on a device, with untrained weights.

How long a pass takes does not depend on weights, but for one thing: queries that look like targets
become prompts, and each is a row more. Here all of them do, which is the most a decoder can cost.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.evaluation.cost.encoders import pooler_size, size_of, text_at_hand
from hcfres.evaluation.cost.measure import Plan, SceneCost, measure_scene
from hcfres.evaluation.cost.one_off import Bench, OneOff, StepClock, measure_one_off
from hcfres.evaluation.cost.parameters import (
    TEXT_ENCODER,
    Parameters,
    parameters_by_part,
    with_dead,
)
from hcfres.evaluation.cost.passes import Answerer
from hcfres.evaluation.cost.rig import Rig, look_at
from hcfres.evaluation.cost.scenes import Cloud, Widths, generated_scene
from hcfres.evaluation.cost.times import Budget
from hcfres.evaluation.evaluate import rules_of
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.semantics.clip import build_clip

SURE = 10.0
"""Logit of an indicator that leaves no doubt."""


@dataclass(frozen=True)
class Subject:
    """A method in a setting on a device."""

    method: MethodConfig
    setting: SettingConfig
    weights: Path
    """The workspace's folder of them."""
    device: str


@dataclass(frozen=True)
class Anatomy:
    """What a subject consists of, and what measures it."""

    rig: Rig
    text: str
    """Which text encoder, and whether its weights are its own."""
    parts: dict[str, Parameters]
    """Of the network, then of the text encoder."""


def anatomy_of(subject: Subject, load: float) -> Anatomy:
    """Count the parameters.

    Args:
        load: of the minute before anything was measured; see `Rig`.
    """
    text = text_at_hand(subject.setting.text, subject.weights)
    widths = _dense_width(subject), text.encoder.width
    size = subject.setting.size
    published = with_dead(subject.method, size, *widths)
    parts = parameters_by_part(_network(subject, text.encoder.width), published)
    frozen = size_of(text.encoder.network)
    parts[TEXT_ENCODER] = Parameters(0, frozen, pooler_size(text.encoder))
    return Anatomy(look_at(torch.device(subject.device), load), text.said, parts)


def measure_generated(subject: Subject, cloud: Cloud, plan: Plan) -> SceneCost:
    """Measure a generated scene, in a process that has made no pass yet."""
    device = torch.device(subject.device)
    text = text_at_hand(subject.setting.text, subject.weights).encoder
    text.network.to(device)  # type: ignore[arg-type]
    network = _network(subject, text.width).to(device)
    let_all_prompt(network)
    answerer = Answerer(network, text, rules_of(subject.setting))
    width, semantics = _dense_width(subject), subject.method.semantics
    instances = semantics is not None and "instance" in semantics.granularities
    scene = generated_scene(cloud, Widths(width, width if instances else 0))
    return measure_scene(answerer, scene.to(device), plan)


def measure_encoders(subject: Subject, frames: int, budget: Budget) -> OneOff:
    """Measure what comes before any sentence, on so many frames."""
    device = torch.device(subject.device)
    bench = Bench(subject.weights, device, frames)
    clock = StepClock(device, budget)
    return measure_one_off(subject.setting, subject.method.semantics, bench, clock)


@torch.no_grad()
def let_all_prompt(network: HcfRes) -> None:
    """Make an indicator sure of every query."""
    last = network.decoder.heads.indi_embedding[-1]
    last.weight.zero_()
    last.bias.copy_(torch.tensor([-SURE, SURE]))


def _network(subject: Subject, text_width: int) -> HcfRes:
    size = subject.setting.size
    network = build_network(subject.method, size, _dense_width(subject), text_width)
    if subject.setting.training.backbone == "frozen":
        network.freeze_backbone()
    return network.eval()


def _dense_width(subject: Subject) -> int:
    """Width of CLIP's tokens; 0 for a method without images."""
    if subject.method.semantics is None:
        return 0
    with torch.device("meta"):
        width: int = build_clip(subject.setting.clip.model, 0).visual.transformer.width
    return width
