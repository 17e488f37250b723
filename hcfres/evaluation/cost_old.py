"""What a method costs (Table IV): parameters, and time per scene and per expression."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from hcfres.data.batch import Batch
from hcfres.model.network import HcfRes
from hcfres.model.output import answer

R = TypeVar("R")


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters; buffers are not counted."""

    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.trainable + self.frozen


@dataclass(frozen=True)
class Latency:
    """Medians over the repeats, in milliseconds, of one scene and some sentences about it.

    Extraction of masks and tokens, and the text encoder, are not in it.
    """

    expressions: int
    """Sentences answered together."""
    backbone_ms: float
    """The U-Net, superpoint pooling included; once a scene."""
    fusion_ms: float
    """The rest of what needs no sentence; once a scene."""
    decoder_ms: float
    """Selection, refinement and decoder, for all sentences together."""
    answer_ms: float
    """From predictions to superpoints, for all sentences together."""
    repeats: int

    @property
    def scene_ms(self) -> float:
        """What a scene costs before the first sentence."""
        return self.backbone_ms + self.fusion_ms

    @property
    def expression_ms(self) -> float:
        """What each further sentence about a known scene costs."""
        return (self.decoder_ms + self.answer_ms) / self.expressions

    @property
    def shared_ms(self) -> float:
        """Time of an expression when all of them share the scene's part."""
        return self.expression_ms + self.scene_ms / self.expressions


def count_parameters(network: nn.Module, frozen: Iterable[nn.Module] = ()) -> Parameters:
    """Count the parameters that were trained and those that were not.

    Args:
        network: split by whether its parameters require a gradient.
        frozen: networks in front of it, such as the text encoder; counted as frozen.
    """
    sizes = [(parameter.requires_grad, parameter.numel()) for parameter in network.parameters()]
    before = sum(p.numel() for module in frozen for p in module.parameters())
    trainable = sum(size for trained, size in sizes if trained)
    return Parameters(trainable, sum(size for _, size in sizes) - trainable + before)


@torch.no_grad()
def measure_latency(network: HcfRes, batch: Batch, repeats: int = 20, warm_up: int = 3) -> Latency:
    """Time the parts of a forward pass on the device that `batch` and `network` are on.

    Args:
        network: put into evaluation mode.
        batch: one scene and its sentences.
        repeats: measured passes.
        warm_up: passes before, not measured.

    Raises:
        ValueError: the batch has more than one scene, or no sentence.
    """
    if len(batch.scenes.scene_ids) != 1 or not batch.expressions:
        raise ValueError("latency is measured on one scene with at least one sentence")
    network.eval()
    device = batch.scenes.coordinates.device
    passes = [_timed_pass(network, batch, device) for _ in range(warm_up + repeats)][warm_up:]
    backbone, fusion, decoder, answering = (
        statistics.median(times) * 1e3 for times in zip(*passes, strict=True)
    )
    return Latency(len(batch.expressions), backbone, fusion, decoder, answering, repeats)


def _timed_pass(network: HcfRes, batch: Batch, device: torch.device) -> tuple[float, ...]:
    """Seconds of backbone, fusion, decoder and answer."""
    geometry, backbone = _timed(lambda: network.encoder.geometry(batch.scenes), device)
    encoding, fusion = _timed(lambda: network.encode(batch.scenes, geometry), device)
    output, decoder = _timed(lambda: network.decode(encoding, batch.text), device)
    _, answering = _timed(lambda: answer(output), device)
    return backbone, fusion, decoder, answering


def _timed(work: Callable[[], R], device: torch.device) -> tuple[R, float]:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - began
