"""What a scan costs once, before any sentence: superpoints, SAM, CLIP, lifting (Sec. III-C).

Table IV leaves it out. It is measured on some frames of a recorded room and counted up to a scan.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from hcfres.config.method import SemanticsConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.features import FrameTokens, Superpoints
from hcfres.evaluation.cost.encoders import clip_at_hand, sam_at_hand, size_of
from hcfres.evaluation.cost.memory import Gauge, Memory
from hcfres.evaluation.cost.recording import Recording, frames_of_scan, record_room
from hcfres.evaluation.cost.times import Budget, Times, timed, times_of
from hcfres.geometry.superpoints import segment_mesh
from hcfres.semantics.clip import encode_frames
from hcfres.semantics.lifting import apply, dense_operator, instance_operator
from hcfres.semantics.masks import generate_masks
from hcfres.semantics.pooling import pool_instances

R = TypeVar("R")


@dataclass(frozen=True)
class StepCost:
    """One step before any sentence."""

    name: str
    times: Times
    """Of a frame, or of a scan."""
    per_frame: bool
    memory: Memory | None
    """Of the step on all frames measured."""


@dataclass(frozen=True)
class EncoderCost:
    """A frozen encoder that looks at frames."""

    name: str
    said: str
    """Which one, and whether its weights are its own."""
    parameters: int
    used: int
    """Those that an image goes through."""


@dataclass(frozen=True)
class OneOff:
    """All steps that a method needs."""

    steps: tuple[StepCost, ...]
    encoders: tuple[EncoderCost, ...]
    frames: int
    """Frames measured."""
    frames_of_scan: int
    image: tuple[int, int]
    """Width and height of a frame's colour image."""
    masks: int
    """That SAM gave on them."""

    @property
    def scan_ms(self) -> float:
        """Time of a whole scan, counted up from the frames measured."""
        return sum(
            step.times.median_ms * (self.frames_of_scan if step.per_frame else 1)
            for step in self.steps
        )


class StepClock:
    """Does steps one after the other and keeps what each cost."""

    def __init__(
        self, device: torch.device, budget: Budget, done: Callable[[str], None] = lambda _: None
    ) -> None:
        """Begin.

        Args:
            budget: of each step; it is done once, however long it takes.
            done: told of each step.
        """
        self.steps: list[StepCost] = []
        self._device, self._done = device, done
        self._budget = replace(budget, least=1)

    def step(self, name: str, work: Callable[[], R], frames: int | None = None) -> R:
        """Do one as often as the budget allows, and give what came of it.

        Args:
            frames: how many it looks at; None: the time is a scan's.
        """
        found: list[R] = []
        seconds: list[float] = []
        memory: Memory | None = None

        def once() -> None:
            seconds.append(timed(lambda: found.append(work()), self._device) / (frames or 1))

        for turn in self._budget.turns():
            if turn:
                once()
            else:
                memory = Gauge(self._device).memory_of(once)
        self.steps.append(StepCost(name, times_of(seconds), frames is not None, memory))
        self._done(name)
        return found[-1]


@dataclass(frozen=True)
class Bench:
    """Where it is measured."""

    weights_root: Path
    device: torch.device
    frames: int
    """Of the room; at least one."""


def measure_one_off(
    setting: SettingConfig, semantics: SemanticsConfig | None, bench: Bench, clock: StepClock
) -> OneOff:
    """Measure every step that comes before any sentence.

    Args:
        semantics: of the method; None for one without images.
    """
    recording = record_room(setting, bench.frames)
    room = _Room(recording, setting, bench, clock)
    masks = 0
    if semantics is not None:
        tokens = room.lift_tokens(semantics)
        if "instance" in semantics.granularities:
            masks = room.lift_instances(tokens, semantics)
    return OneOff(
        steps=tuple(clock.steps),
        encoders=tuple(room.encoders),
        frames=bench.frames,
        frames_of_scan=frames_of_scan(setting),
        image=recording.image,
        masks=masks,
    )


class _Room:
    """The steps on one recording."""

    def __init__(
        self, recording: Recording, setting: SettingConfig, bench: Bench, clock: StepClock
    ) -> None:
        self.encoders: list[EncoderCost] = []
        self._scene, self._frames = recording.scene, recording.frames
        self._setting, self._bench, self._clock = setting, bench, clock
        self._superpoints = clock.step("superpoints", self._cut)

    def lift_tokens(self, semantics: SemanticsConfig) -> FrameTokens:
        """F_dense, from CLIP's tokens, which are given back."""
        square = semantics.grid == "square"
        clip = clip_at_hand(self._setting.clip, self._bench.weights_root, square)
        network = clip.encoder.to(self._bench.device)
        self._keep("CLIP", clip.said, network, network.visual)
        tokens = self._step(
            "CLIP tokens", lambda: encode_frames(self._frames, network, semantics.layer)
        )
        _, rows, columns, width = tokens.tokens.shape
        operator = self._step(
            "lifting of tokens",
            lambda: dense_operator(
                self._frames,
                self._scene.vertices,
                self._superpoints,
                (rows, columns),
                self._setting.lifting,
            ),
        )
        flat = tokens.tokens.reshape(-1, width)
        self._step("average of tokens", lambda: apply(operator, flat))
        return tokens

    def lift_instances(self, tokens: FrameTokens, semantics: SemanticsConfig) -> int:
        """F_inst, from SAM's masks, whose number is given back."""
        sam = sam_at_hand(self._setting.sam, self._bench.weights_root)
        network = sam.encoder.to(self._bench.device)
        self._keep("SAM", sam.said, network, network)
        config = self._setting.masks
        masks = self._step("SAM masks", lambda: generate_masks(self._frames, network, config))
        features = self._step("pooling", lambda: pool_instances(masks, tokens, semantics)).features
        operator = self._step(
            "lifting of instances",
            lambda: instance_operator(
                self._frames,
                self._scene.vertices,
                self._superpoints,
                masks,
                self._setting.lifting,
                overlap=semantics.overlap,
            ),
        )
        self._step("average of instances", lambda: apply(operator, features))
        return len(features)

    def _cut(self) -> Superpoints:
        config, scene = self._setting.superpoints, self._scene
        labels = segment_mesh(scene.vertices, scene.faces, config.k_threshold, config.min_vertices)
        return Superpoints(labels)

    def _step(self, name: str, work: Callable[[], R]) -> R:
        return self._clock.step(name, work, len(self._frames))

    def _keep(self, name: str, said: str, network: nn.Module, used: nn.Module) -> None:
        self.encoders.append(EncoderCost(name, said, size_of(network), size_of(used)))
