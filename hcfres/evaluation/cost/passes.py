"""The passes that are timed: the very calls that answer, told apart by where they have got to."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.evaluation.cost.definitions import Part
from hcfres.evaluation.cost.times import finish
from hcfres.evaluation.evaluate import AnswerRules
from hcfres.language.roberta import TextEncoder, encode, padded, tokenize
from hcfres.model.encoder import SceneEncoding
from hcfres.model.network import HcfRes
from hcfres.model.output import answer

Begin = Callable[[Part], None]
"""Told of each part as it begins."""


def unheard(part: Part) -> None:
    """Let the parts go by: the pass is timed as a whole."""


@dataclass(frozen=True)
class Question:
    """A scene and what is asked about it."""

    scene: SceneBatch
    """A batch of one."""
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Answerer:
    """A method on a device, its network and text encoder in evaluation mode."""

    network: HcfRes
    text: TextEncoder
    rules: AnswerRules

    def encode(self, question: Question, begin: Begin = unheard) -> SceneEncoding:
        """Encode the scene: what it costs before the first sentence."""
        begin(Part.VOXELISATION)
        return self.network.encode(question.scene)

    def answer(
        self, encoding: SceneEncoding, question: Question, begin: Begin = unheard
    ) -> Bool[np.ndarray, "expressions points"]:
        """Find the vertices that each sentence about the encoded scene means."""
        begin(Part.TEXT)
        text = self._tokens(question.sentences, question.scene.coordinates.device)
        output = self.network.decode(encoding, text)
        begin(Part.MASK)
        inside = answer(output, self.rules.rule).logits >= 0
        chosen = inside[:, question.scene.superpoint_of_point]
        enough = chosen.sum(1, keepdim=True) >= self.rules.least
        found: np.ndarray = (chosen & enough).cpu().numpy()
        return found

    def whole(
        self, question: Question, begin: Begin = unheard
    ) -> Bool[np.ndarray, "expressions points"]:
        """Do both: a warm scene to its answers."""
        return self.answer(self.encode(question, begin), question, begin)

    def forget_scene(self) -> None:
        """Let the U-Net look up the scene's neighbours again, as for a scan that is new."""
        self.network.encoder.backbone.known.forget()

    def token_count(self, sentences: Sequence[str]) -> int:
        """Count the tokens of the longest sentence, to which all are padded."""
        return self._ids(sentences)[0].shape[1]

    def _tokens(self, sentences: Sequence[str], device: torch.device) -> TextBatch:
        """Ids for a network that owns its text encoder, else what the frozen one makes of them."""
        about = torch.zeros(len(sentences), dtype=torch.long, device=device)
        if self.network.text_encoder is not None:
            ids, valid = (tensor.to(device) for tensor in self._ids(sentences))
            return TextBatch(torch.zeros(*ids.shape, 0, device=device), valid, about, ids)
        read = encode(sentences, self.text)
        features, valid = torch.from_numpy(read.features), torch.from_numpy(read.valid)
        return TextBatch(features.to(device), valid.to(device), about)

    def _ids(
        self, sentences: Sequence[str]
    ) -> tuple[Int[Tensor, "expressions tokens"], Bool[Tensor, "expressions tokens"]]:
        graphs = self.text.parser.parse(sentences)
        ids = [tokenize(graph, self.text).ids for graph in graphs]
        return padded(ids, max(map(len, ids)), self.text)


class Laps:
    """A clock that is stopped and started again at the beginning of each part."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begun: list[tuple[Part, float]] = []

    def begin(self, part: Part) -> None:
        """Note when `part` begins: once the device has done all that came before."""
        finish(self._device)
        self._begun.append((part, time.perf_counter()))

    def end(self) -> dict[Part, float]:
        """Give the seconds of each part; their sum has no gap."""
        finish(self._device)
        ends = [began for _, began in self._begun[1:]] + [time.perf_counter()]
        return {part: end - began for (part, began), end in zip(self._begun, ends, strict=True)}


@contextmanager
def telling(network: HcfRes, begin: Begin) -> Iterator[None]:
    """Tell `begin` of the parts that begin inside the network, while inside."""
    backbone = network.encoder.backbone
    hooks = (
        backbone.input_conv.register_forward_pre_hook(lambda *_: begin(Part.UNET)),
        backbone.register_forward_hook(lambda *_: begin(Part.FUSION)),
        network.text_adapter.register_forward_pre_hook(lambda *_: begin(Part.SELECTION)),
        network.decoder.register_forward_pre_hook(lambda *_: begin(Part.DECODER)),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
