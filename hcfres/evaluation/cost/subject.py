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
from hcfres.language.roberta import TextEncoder
from hcfres.language.trained import TrainedText
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
    widths = _widths(subject)
    size = subject.setting.size
    published = with_dead(subject.method, size, widths, text.encoder.width)
    network = _network(subject, widths, text.encoder)
    parts = parameters_by_part(network, published)
    frozen = 0 if network.text_encoder is not None else size_of(text.encoder.network)
    own = parts.get(TEXT_ENCODER, Parameters(0, 0))
    parts[TEXT_ENCODER] = own + Parameters(0, frozen, pooler_size(text.encoder))
    return Anatomy(look_at(torch.device(subject.device), load), text.said, parts)


def measure_generated(subject: Subject, cloud: Cloud, plan: Plan) -> SceneCost:
    """Measure a generated scene, in a process that has made no pass yet."""
    device = torch.device(subject.device)
    text = text_at_hand(subject.setting.text, subject.weights).encoder
    text.network.to(device)  # type: ignore[arg-type]
    widths = _widths(subject)
    network = _network(subject, widths, text).to(device)
    let_all_prompt(network)
    answerer = Answerer(network, text, rules_of(subject.setting))
    return measure_scene(answerer, generated_scene(cloud, widths).to(device), plan)


def measure_encoders(subject: Subject, frames: int, budget: Budget) -> OneOff:
    """Measure what comes before any sentence, on so many frames."""
    device = torch.device(subject.device)
    bench = Bench(subject.weights, device, frames)
    clock = StepClock(device, budget)
    return measure_one_off(subject.setting, subject.method.semantics, bench, clock)


@torch.no_grad()
def let_all_prompt(network: HcfRes) -> None:
    """Make an indicator sure of every query."""
    weight, bias = network.decoder.heads.indi_embedding[-1].parameters()
    weight.zero_()
    bias.copy_(torch.tensor([-SURE, SURE]))


def _network(subject: Subject, widths: Widths, text: TextEncoder) -> HcfRes:
    training = subject.setting.training
    network = build_network(
        subject.method,
        subject.setting.size,
        widths.dense,
        text.width,
        widths.instance,
        TrainedText(text.network) if training.text == "trained" else None,
    )
    if training.backbone == "frozen":
        network.freeze_backbone()
    return network.eval()


def _widths(subject: Subject) -> Widths:
    """Of what CLIP gives the method: its tokens, and of them or of its projection f_inst."""
    semantics = subject.method.semantics
    if semantics is None:
        return Widths(0, 0)
    with torch.device("meta"):
        visual = build_clip(subject.setting.clip.model, 0).visual
    dense, shared = visual.transformer.width, visual.output_dim
    if "instance" not in semantics.granularities:
        return Widths(dense, 0)
    return Widths(dense, dense if semantics.instance_space == "tokens" else shared)
