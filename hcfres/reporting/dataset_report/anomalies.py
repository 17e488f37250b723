"""What is wrong or odd in a dataset: every check, with how often it struck and where."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hcfres.reporting.dataset_report.facts import DEPTHS_READ
from hcfres.reporting.dataset_report.quantities import distractors
from hcfres.reporting.dataset_report.survey import Survey, Target

SMALL_OBJECT = 20
"""Vertices; an object with fewer can be smaller than any superpoint of ScanNet."""
REPRESENTABLE = 0.5
"""A target whose best union of superpoints has a smaller IoU can never count at Acc@0.5."""
_SHOWN = 20
_LONGEST = 400
"""Characters of an example."""
_WORST = 5


@dataclass(frozen=True)
class Anomaly:
    """One check."""

    title: str
    meaning: str
    count: int
    """0 where it found nothing."""
    of: int
    """How many were looked at; 0: the check had nothing to look at."""
    unit: str
    examples: tuple[str, ...] = ()
    """The first, or the worst; the dataset's own words among them are not to be trusted."""

    unlisted: int = 0
    """How many more there are than examples, where these are a list."""


def anomalies(survey: Survey, min_points: int) -> tuple[Anomaly, ...]:
    """Run every check.

    Args:
        survey: the dataset.
        min_points: the setting's: an answer of fewer vertices means "nothing".
    """
    return (
        *_files(survey),
        *_sentences(survey, min_points),
        *_annotation(survey),
        *_superpoints(survey),
        *_frames(survey),
    )


def _files(survey: Survey) -> Iterable[Anomaly]:
    yield _shared(survey, "Scans", lambda name: name)
    yield _shared(survey, "Spaces", lambda name: name.rpartition("_")[0])
    refused = [f"{scene.scene_id}: {scene.refused}" for scene in survey.scenes if scene.refused]
    yield _listed(
        "Scans that cannot be read",
        "Missing or broken; nothing below looks at them.",
        refused,
        len(survey.scenes),
        "scans",
    )
    yield _listed(
        "Files of sentences that cannot be read",
        "Malformed, or about scans that are not on the disk.",
        [f"{f.source} {f.split}: {f.refused}" for f in survey.sentences if f.refused],
        len(survey.sentences),
        "files",
    )


def _shared(survey: Survey, what: str, part: Callable[[str], str]) -> Anomaly:
    splits: dict[str, list[str]] = {}
    for split, names in survey.lists.items():
        for name in sorted({part(name) for name in names}):
            splits.setdefault(name, []).append(split)
    found = [f"{name}: {', '.join(of)}" for name, of in sorted(splits.items()) if len(of) > 1]
    meaning = "What is learnt from is then also what is asked about."
    return _listed(f"{what} in more than one split", meaning, found, len(splits), what.lower())


def _sentences(survey: Survey, min_points: int) -> Iterable[Anomaly]:
    files = [file for file in survey.sentences if not file.refused]
    said = [f"{file.source} {file.split} {entry}" for file in files for entry in file.rejected]
    doubts = [f"{file.source} {file.split} {entry}" for file in files for entry in file.notes]
    entries = sum(len(file.expressions) + len(file.rejected) for file in files)
    yield _listed(
        "Rejected annotations",
        "They contradict themselves or their scan, and are left out of everything.",
        said,
        entries,
        "annotations",
    )
    yield _listed(
        "Doubtful annotations",
        "Used all the same.",
        doubts,
        entries,
        "annotations",
    )
    yield _too_small(survey, min_points)
    yield _disputed(survey)


def _too_small(survey: Survey, min_points: int) -> Anomaly:
    sizes = {(t.scene.scene_id, t.thing.object_id): t.thing.vertices for t in survey.targets}
    expressions = [item for found in survey.expressions.values() for item in found]
    with_target = [
        item for item in expressions if item.object_ids and item.scene_id in survey.by_name
    ]
    small = []
    for item in with_target:
        points = sum(sizes.get((item.scene_id, i), 0) for i in item.object_ids)
        if points < min_points:
            small.append(f"{item.key}: {points} vertices")
    return _listed(
        "Expressions whose targets are too small to be answered",
        f"Their targets together have fewer than {min_points} vertices (min_points), so even the "
        "right answer would mean “nothing”.",
        small,
        len(with_target),
        "expressions",
    )


def _disputed(survey: Survey) -> Anomaly:
    alone = [
        item
        for found in survey.expressions.values()
        for item in found
        if item.eval_type in ("zt_wo_d", "st_wo_d") and item.scene_id in survey.by_name
    ]
    counts = [(item, distractors(item, survey.by_name[item.scene_id])) for item in alone]
    return _listed(
        "Expressions “without distractors” in scans with others of the label",
        "A difference of definitions rather than an error: distractors here have the same label; "
        "ScanRefer counts described objects of the same benchmark class only.",
        [f"{item.key} {item.object_name}: {number} others" for item, number in counts if number],
        len(alone),
        "expressions",
    )


def _annotation(survey: Survey) -> Iterable[Anomaly]:
    scenes = [scene for scene in survey.by_name.values() if scene.objects]
    things = [(scene, thing) for scene in scenes for thing in scene.objects]
    yield _listed(
        f"Objects with fewer than {SMALL_OBJECT} vertices",
        "Those with none are annotated on segments that other objects took, or that do not exist.",
        [
            f"{scene.scene_id} object {thing.object_id} {thing.label}: {thing.vertices} vertices"
            for scene, thing in things
            if thing.vertices < SMALL_OBJECT
        ],
        len(things),
        "objects",
    )
    unknown = Counter(thing.label for _, thing in things if thing.nyu40 == 0)
    ranked = sorted(unknown.items(), key=lambda entry: (-entry[1], entry[0]))
    yield Anomaly(
        "Labels that are not in the label table",
        "Their objects have no class: nyu40 0.",
        len(unknown),
        len({thing.label for _, thing in things}),
        "labels",
        tuple(f"{label}: {number} objects" for label, number in ranked[:_SHOWN]),
    )
    vertices = sum(scene.vertices for scene in scenes)
    bare = sorted(
        ((1 - scene.owned / max(scene.vertices, 1), scene.scene_id) for scene in scenes),
        key=lambda entry: (-entry[0], entry[1]),
    )
    yield Anomaly(
        "Vertices that no object owns",
        "Unannotated; the scans with the largest shares are named.",
        vertices - sum(scene.owned for scene in scenes),
        vertices,
        "vertices",
        tuple(f"{name}: {100 * share:.1f} %" for share, name in bare[:_WORST] if share > 0),
    )
    odd = sorted((s for s in scenes if s.contradicted), key=lambda s: (-s.contradicted, s.scene_id))
    yield Anomaly(
        "Vertices whose class is not their object's",
        "The labelled mesh and the objects disagree; the scans with the most are named.",
        sum(scene.contradicted for scene in scenes),
        sum(scene.owned for scene in scenes),
        "vertices",
        tuple(f"{s.scene_id}: {s.contradicted} of {s.owned}" for s in odd[:_WORST]),
    )


def _superpoints(survey: Survey) -> Iterable[Anomaly]:
    left_out = [
        f"{s.scene_id}: {s.no_superpoints}" for s in survey.by_name.values() if s.no_superpoints
    ]
    yield _listed(
        "Scans without superpoints",
        "Left out of everything about superpoints.",
        left_out,
        len(survey.by_name),
        "scans",
    )
    measured = [t for t in survey.targets if t.thing.best_iou is not None]
    lost = sorted(
        (t for t in measured if _best(t) < REPRESENTABLE), key=lambda t: (_best(t), _name(t))
    )
    yield _listed(
        f"Targets that no superpoints can represent (best IoU below {REPRESENTABLE})",
        "The best union of superpoints is too coarse for them; the worst come first.",
        [
            f"{_name(t)} {t.thing.label}: IoU {_best(t):.2f}, {t.thing.vertices} vertices"
            for t in lost
        ],
        len(measured),
        "targets",
    )


def _frames(survey: Survey) -> Iterable[Anomaly]:
    scenes = list(survey.by_name.values())
    without = [f"{s.scene_id}: {s.no_frames}" for s in scenes if s.frames is None]
    yield _listed(
        "Scans without frames", "Only their mesh is there.", without, len(scenes), "scans"
    )
    broken = [f"{s.scene_id}: {s.no_frames}" for s in scenes if s.frames and s.no_frames]
    yield _listed(
        "Scans with a broken frame",
        f"Only {DEPTHS_READ} frames a scan are opened for this page.",
        broken,
        sum(s.frames is not None for s in scenes),
        "scans",
    )
    seen = [(scene, scene.frames) for scene in scenes if scene.frames is not None]
    total = sum(f.usable + f.lost for _, f in seen)
    lost = sorted(((f.lost, s.scene_id) for s, f in seen if f.lost), key=lambda e: (-e[0], e[1]))
    yield Anomaly(
        "Frames without a pose",
        "The tracker had lost them; they are not used. The scans with the most are named.",
        sum(number for number, _ in lost),
        total,
        "frames",
        tuple(f"{name}: {number}" for number, name in lost[:_WORST]),
    )
    yield Anomaly(
        "Frames that lack one of their files",
        "Colour, depth or pose; they are not used.",
        sum(f.incomplete for _, f in seen),
        total + sum(f.incomplete for _, f in seen),
        "frames",
        tuple(f"{s.scene_id}: {f.incomplete}" for s, f in seen if f.incomplete)[:_SHOWN],
    )


def _listed(title: str, meaning: str, found: list[str], of: int, unit: str) -> Anomaly:
    shown = tuple(text[:_LONGEST] for text in found[:_SHOWN])
    return Anomaly(title, meaning, len(found), of, unit, shown, len(found) - len(shown))


def _best(target: Target) -> float:
    return target.thing.best_iou if target.thing.best_iou is not None else 1.0


def _name(target: Target) -> str:
    return f"{target.scene.scene_id} object {target.thing.object_id}"
