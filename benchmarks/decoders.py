"""Our decoders against the loops of MDIN's and IPDN's public code, in one run on one device.

    python benchmarks/decoders.py [--device cuda] [--repeats 7] [--compile] [--write]

From F_3d, F_2d and RoBERTa's tokens of one scene to the predictions of every layer, forward and
with backward, at the setting `scannet`'s full width. The ways take turns and the medians count:

* loops: `tests/model/loops.py`, as the public code runs;
* loops, masks at once: but for the loops over queries, which IPDN alone has;
* no sharing: ours, but with the scene repeated for each expression, as the public code has it;
* ours: every query makes a prompt, the most there can be (the public code always has that many);
* ours, no prompts: no query makes one (IPDN only).

`--compile` adds ours through torch.compile. `--write` keeps the numbers for reports/cost.md.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from rich.console import Console
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from flows.cost import DECODERS, MEASURED, write_page
from flows.places import method_file, setting_file
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.evaluation.cost.records import DecoderRecord, Operation, Way, write_records
from hcfres.evaluation.cost.rig import look_at
from hcfres.evaluation.cost.scenes import Cloud, Widths, generated_scene
from hcfres.evaluation.cost.subject import SURE, let_all_prompt
from hcfres.evaluation.cost.times import timed
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.model.output import LayerOutput
from hcfres.model.spatial import block_all_but_nearest
from hcfres.reporting.cost.decoders import decoders_section
from tests.model.loops import Far, far_row_by_row, predict_in_loops

SUPERPOINTS, EXPRESSIONS, TOKENS = 3_000, 8, 30
DENSE, TEXT = 1024, 768
PROFILED = 6
"""Operations that a profile names."""
METHODS = ("mdin", "ipdn")
ALIKE = 1e-9
"""Logits differ by less in double precision, as a share of the largest."""

Predict = Callable[[], tuple[LayerOutput, ...]]


@dataclass(frozen=True)
class Case:
    """A network of ours and what it is asked."""

    network: HcfRes
    scenes: SceneBatch
    geometry: Tensor
    text: TextBatch

    def ours(self) -> tuple[LayerOutput, ...]:
        """Predict as we do."""
        return self.network(self.scenes, self.text, self.geometry).layers

    def loops(self, far: Far = far_row_by_row) -> tuple[LayerOutput, ...]:
        """Predict as the public code does."""
        return predict_in_loops(self.network, self.scenes, self.geometry, self.text, far)

    def repeated(self) -> "Case":
        """Make a scene of its own for each expression."""
        count = len(self.text.valid)
        scenes, points = self.scenes, len(self.scenes.coordinates)
        shift = torch.arange(count, device=self.geometry.device).repeat_interleave(points)
        many = replace(
            scenes,
            scene_ids=scenes.scene_ids * count,
            coordinates=scenes.coordinates.repeat(count, 1),
            scene_of_point=shift,
            superpoint_of_point=scenes.superpoint_of_point.repeat(count) + shift * SUPERPOINTS,
            superpoint_counts=scenes.superpoint_counts * count,
            dense=None if scenes.dense is None else scenes.dense.repeat(count, 1),
            dense_seen=None if scenes.dense_seen is None else scenes.dense_seen.repeat(count),
        )
        about = torch.arange(count, device=self.geometry.device)
        text = replace(self.text, scene_of_expression=about)
        return Case(self.network, many, self.geometry.repeat(count, 1), text)

    def double(self) -> "Case":
        """Copy it in double precision."""
        scenes, text = (replace(b, **_doubled(vars(b))) for b in (self.scenes, self.text))
        return Case(deepcopy(self.network).double(), scenes, self.geometry.double(), text)


def _doubled(values: dict[str, object]) -> dict[str, Tensor]:
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    return {name: value.double() for name, value in tensors.items() if value.is_floating_point()}


def main() -> None:
    """Print a table for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    device, busy = torch.device(options.device), os.getloadavg()[0]
    rig, records = look_at(device, busy), []
    for name in METHODS:
        method = load(method_file(name), MethodConfig)
        case = make_case(method, device)
        ways = ways_of(case, method, options.compile)
        record = DecoderRecord(
            rig=rig,
            title=method.title,
            seeds=case.network.encoder.seeds,
            queries=case.network.selection.queries,
            superpoints=SUPERPOINTS,
            expressions=EXPRESSIONS,
            tokens=TOKENS,
            repeats=options.repeats,
            ways=measured(ways, case.network, device, options.repeats),
            profile=profiled(case.ours, device),
            difference=difference(case.double()),
        )
        records.append(record)
        say(decoders_section([record]))
    if options.write:
        write_records(MEASURED / f"{DECODERS}-{device.type}.json", DecoderRecord, *records)
        write_page(Console())
    if max(record.difference for record in records) > ALIKE:
        raise SystemExit("the two do not predict the same")


def make_case(method: MethodConfig, device: torch.device) -> Case:
    """A generated scene and sentences of random features; every query makes a prompt."""
    torch.manual_seed(0)
    size = load(setting_file("scannet"), SettingConfig).size
    dense = DENSE if method.semantics else 0
    network = build_network(method, size, dense, TEXT).to(device).eval()
    let_all_prompt(network)
    scenes = generated_scene(Cloud(10 * SUPERPOINTS, SUPERPOINTS, size.voxel_m), Widths(dense, 0))
    text = TextBatch(
        torch.randn(EXPRESSIONS, TOKENS, TEXT),
        torch.ones(EXPRESSIONS, TOKENS, dtype=torch.bool),
        torch.zeros(EXPRESSIONS, dtype=torch.long),
    )
    geometry = torch.randn(SUPERPOINTS, size.backbone_channels, device=device)
    return Case(network, scenes.to(device), geometry, text.to(device))


def ways_of(case: Case, method: MethodConfig, compiled: bool) -> dict[str, Predict]:
    """Every way to predict, the loops first and ours last."""
    prompts = method.decoder.family == "prompt_aware"
    ways: dict[str, Predict] = {"loops": case.loops}
    if prompts:
        ways["loops, masks at once"] = lambda: case.loops(block_all_but_nearest)
    ways["no sharing"] = case.repeated().ours
    if compiled:
        ways["ours, compiled"] = through_compiler(case)
    if prompts:
        ways["ours, no prompts"] = without_prompts(case)
    return ways | {"ours": case.ours}


def without_prompts(case: Case) -> Predict:
    """Predict with an indicator that is sure of no query; the other ways keep theirs."""
    last = case.network.decoder.heads.indi_embedding[-1]

    def predict() -> tuple[LayerOutput, ...]:
        with torch.no_grad():
            last.bias.copy_(torch.tensor([SURE, -SURE]))
        try:
            return case.ours()
        finally:
            with torch.no_grad():
                last.bias.copy_(torch.tensor([-SURE, SURE]))

    return predict


def through_compiler(case: Case) -> Predict:
    """Predict with a compiled decoder; other ways use the one that is not."""
    decoder = case.network.decoder
    plain, compiled = decoder.forward, torch.compile(decoder.forward)

    def predict() -> tuple[LayerOutput, ...]:
        decoder.forward = compiled
        try:
            return case.ours()
        finally:
            decoder.forward = plain

    return predict


def measured(
    ways: dict[str, Predict], network: HcfRes, device: torch.device, repeats: int
) -> tuple[Way, ...]:
    """Medians of each way, in turns, after a pass that is not counted."""

    def forward(predict: Predict) -> None:
        with torch.no_grad():
            predict()

    def both(predict: Predict) -> None:
        judged(predict()).backward()
        network.zero_grad()

    spent: dict[tuple[str, Callable[[Predict], None]], list[float]] = {}
    for turn in range(repeats + 1):
        for name, predict in ways.items():
            for run in (forward, both):
                seconds = timed(lambda run=run, predict=predict: run(predict), device)
                spent.setdefault((name, run), [])
                if turn:
                    spent[name, run].append(seconds)
    medians = {key: 1e3 * statistics.median(found) for key, found in spent.items()}
    return tuple(Way(name, medians[name, forward], medians[name, both]) for name in ways)


def judged(layers: tuple[LayerOutput, ...]) -> Tensor:
    """A number that every prediction enters."""
    every = [getattr(layer, field) for layer in layers for field in vars(layer)]
    return torch.stack([found.square().mean() for found in every]).sum()


@torch.no_grad()
def difference(case: Case) -> float:
    """The largest between the masks of loops and ours, as a share of the largest logit."""
    pairs = [(a.masks, b.masks) for a, b in zip(case.ours(), case.loops(), strict=True)]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def profiled(predict: Predict, device: torch.device) -> tuple[Operation, ...]:
    """The operations that a forward pass spends most of its time in."""
    kinds = [ProfilerActivity.CPU]
    kinds += [ProfilerActivity.CUDA] if device.type == "cuda" else []
    with torch.no_grad(), profile(activities=kinds, acc_events=True) as found:
        predict()
    clock = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    spent = {event.key: (getattr(event, clock), event.count) for event in found.key_averages()}
    whole = sum(time for time, _ in spent.values())
    longest = sorted(spent.items(), key=lambda item: -item[1][0])[:PROFILED]
    return tuple(Operation(name, time / whole, calls) for name, (time, calls) in longest)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
