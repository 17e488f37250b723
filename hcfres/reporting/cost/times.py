"""Latencies, their parts, the sweep and the one-off, of one setting on one device."""

from collections.abc import Iterator, Sequence

from hcfres.evaluation.cost.definitions import NEW_SCAN, NEXT_EXPRESSION, WARM_SCENE, Part
from hcfres.evaluation.cost.memory import Memory
from hcfres.evaluation.cost.one_off import OneOff, StepCost
from hcfres.evaluation.cost.records import CostRecord
from hcfres.evaluation.cost.rig import Rig
from hcfres.evaluation.cost.times import Times
from hcfres.reporting.cost.markdown import DASH, duration, millions, signed, table
from hcfres.reporting.cost.paper import Paper

_SCENES = """Scenes are generated: points on the surfaces of a furnished room one voxel apart, about
as in the setting's scans, superpoints of random cells, random features. Weights of the network are
random: a pass takes as long with any, but that every query whose indicator is sure enough makes a
prompt. Here all do, the most that a decoder can cost."""


def times_section(setting: str, records: Sequence[CostRecord], paper: Paper) -> str:
    """Write the section; all records are of one setting and one device."""
    first = records[0]
    parts = [
        f"## `{setting}` on {first.rig.name}",
        *(_measured_on(rig) for rig in dict.fromkeys(record.rig for record in records)),
        _SCENES,
        _latencies(records, paper),
        _parts(records),
        _sweep(records),
    ]
    parts += [_one_off(one) for one in records if one.one_off is not None]
    return "\n\n".join(parts)


def _measured_on(rig: Rig) -> str:
    said = f"Measured on {rig.said}."
    if rig.busy:
        said += (
            f" **Provisional**: other work ran on the machine (load {rig.load:.1f} of {rig.cores} "
            "cores before it began), so that times are too long and only what lies side by side in "
            "one table compares."
        )
    return said


def _latencies(records: Sequence[CostRecord], paper: Paper) -> str:
    header = ["latency", "method", "cold", "median", "p95", "repeats", "paper"]
    rows = [row for record in records for row in _rows_of(record, paper)]
    scene = records[0].reference
    size = f"{scene.points:,} points, {scene.voxels:,} voxels, {scene.superpoints:,} superpoints"
    said = [f"### Latency\n\nA scene of {size}.", table(header, rows, texts=2)]
    return "\n\n".join([*said, *_against(records, paper)])


def _against(records: Sequence[CostRecord], paper: Paper) -> Iterator[str]:
    """Hold the later method of Table IV against the earlier one, where both were measured."""
    found = {record.method: record for record in records}
    if len(paper.costs) < 2 or not found.keys() >= paper.costs.keys():
        return
    *_, before, after = paper.costs
    ours, theirs = (found[method].reference.warm.whole.median_ms for method in (after, before))
    printed, beside = (paper.costs[method].inference_ms for method in (after, before))
    yield (
        f"{found[after].title} against {found[before].title}, a {WARM_SCENE.name}: "
        f"{ours - theirs:+.1f} ms ({signed(ours / theirs - 1)}), measured one after the other; the "
        f"paper has {printed - beside:+.0f} ms ({signed(printed / beside - 1)})."
    )


def _rows_of(record: CostRecord, paper: Paper) -> Iterator[list[str]]:
    scene, title = record.reference, record.title
    if record.one_off is not None:
        whole = record.one_off.scan_ms + scene.warm.whole.median_ms
        yield [f"{NEW_SCAN.name}, counted up", title, DASH, duration(whole), DASH, DASH, DASH]
    printed = paper.beside(record.setting, record.method)
    beside = DASH if printed is None else f"{duration(printed.inference_ms)} of what?"
    cold = duration(scene.cold_ms)
    yield [WARM_SCENE.name, title, cold, *_three(scene.warm.whole), beside]
    for group in scene.groups:
        together = "" if group.expressions == 1 else f", {group.expressions} together, each"
        times, count = group.times.whole, group.expressions
        each = Times(times.median_ms / count, times.p95_ms / count, times.repeats)
        yield [f"{NEXT_EXPRESSION.name}{together}", title, DASH, *_three(each), DASH]


def _three(times: Times) -> list[str]:
    return [duration(times.median_ms), duration(times.p95_ms), str(times.repeats)]


def _parts(records: Sequence[CostRecord]) -> str:
    header = ["part", *(f"{one.title}, {name}" for one in records for name in ("median", "p95"))]
    rows = []
    for part in Part:
        times = [one.reference.warm.parts[part] for one in records]
        cells = [duration(ms) for found in times for ms in (found.median_ms, found.p95_ms)]
        rows.append([str(part), *cells])
    warm = [one.reference.warm for one in records]
    rows.append(["sum", *(c for one in warm for c in (duration(one.parts_ms), ""))])
    rows.append(["whole", *(c for one in warm for c in (duration(one.whole.median_ms), ""))])
    rows.append(["sum against whole", *(c for one in warm for c in (signed(one.gap), ""))])
    return (
        f"### Parts of a {WARM_SCENE.name.removesuffix(' to answer')}\n\nThe same pass, waited for "
        f"at the beginning of each part; the whole is timed in turns with it.\n\n"
        f"{table(header, rows)}"
    )


def _sweep(records: Sequence[CostRecord]) -> str:
    header = [
        "method", "points", "superpoints", "expressions", "tokens", "scene", "expression",
        "expressions/s", "with the scene", "memory", "growth",
    ]  # fmt: skip
    rows = [row for record in records for row in _sizes_of(record)]
    return (
        "### Scenes and expressions\n\n*Scene*: voxelisation, U-Net and fusion, once. "
        "*Expression*: the share of one of those answered together. *Expressions/s*: of a known "
        "scene; *with the scene*: when it is encoded for them. *Memory*: the most held; *growth*: "
        f"above what lay there before.\n\n{table(header, rows)}"
    )


def _sizes_of(record: CostRecord) -> Iterator[list[str]]:
    for scene in record.scenes:
        for group in scene.groups:
            together = scene.warm.scene_ms + group.times.whole.median_ms
            yield [
                record.title,
                f"{scene.points:,}",
                f"{scene.superpoints:,}",
                str(group.expressions),
                str(group.tokens),
                duration(scene.warm.scene_ms),
                duration(group.each_ms),
                f"{group.throughput:.1f}",
                f"{1e3 * group.expressions / together:.1f}",
                *_memory(group.memory),
            ]


def _memory(memory: Memory | None) -> tuple[str, str]:
    if memory is None:
        return DASH, DASH
    return f"{memory.peak_mb:,.0f} MB", f"{memory.growth_mb:,.0f} MB"


def _one_off(record: CostRecord) -> str:
    found = record.one_off
    assert found is not None
    header = ["step", "of a", "median", "p95", "repeats", "memory", "growth"]
    rows = [[*_step(step), *_memory(step.memory)] for step in found.steps]
    return (
        f"### Once a scan, {record.title}\n\n{_encoders(found)}\n\n{table(header, rows, texts=2)}"
        f"\n\nA scan of {found.frames_of_scan} frames, counted up: {duration(found.scan_ms)}."
    )


def _step(step: StepCost) -> list[str]:
    return [step.name, "frame" if step.per_frame else "scan", *_three(step.times)]


def _encoders(found: OneOff) -> str:
    width, height = found.image
    said = [
        f"{one.name} is {one.said}, {millions(one.parameters)} M parameters"
        + (f" ({millions(one.used)} M see an image)" if one.used < one.parameters else "")
        for one in found.encoders
    ]
    frames = "one frame" if found.frames == 1 else f"{found.frames} frames"
    masks = (
        f" SAM gave {found.masks} masks." if any(e.name == "SAM" for e in found.encoders) else ""
    )
    return (
        f"What Table IV leaves out, on {frames} of a synthetic room, {width} x {height} pixels. "
        f"{'. '.join(said)}{'.' * bool(said)}{masks}"
    )
