"""What the report keeps of one scan: numbers, no arrays, so that 1,500 scans fit in memory."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset, Split
from hcfres.data.errors import DataError
from hcfres.data.features import Superpoints
from hcfres.data.scene import NO_OBJECT, Scene
from hcfres.evaluation.metrics import best_union
from hcfres.pipeline import stages
from hcfres.pipeline.places import Place
from hcfres.store.errors import StoreError
from hcfres.store.store import Store

Cutter = Callable[[str], Superpoints]
"""Gives a scan's superpoints by its name; a DataError says why there are none."""
DEPTHS_READ = 3
"""Frames a scan whose depth is looked at: the first, the middle, the last."""


@dataclass(frozen=True)
class ObjectFacts:
    """One annotated object."""

    object_id: int
    label: str
    nyu40: int
    """0 where the label table does not know the label."""
    vertices: int
    best_iou: float | None
    """Largest IoU of the object and any union of superpoints; None without superpoints."""


@dataclass(frozen=True)
class FrameFacts:
    """The frames of a scan that the setting looks at."""

    usable: int
    lost: int
    """Their pose is not finite."""
    incomplete: int
    """They lack an image or a pose."""
    coverage: float | None
    """Share of pixels with a depth, over DEPTHS_READ frames; None where none could be read."""


@dataclass(frozen=True)
class SceneFacts:
    """One scan of a split's list."""

    scene_id: str
    split: Split
    refused: str = ""
    """Why the scan cannot be read; nothing is then known but, perhaps, its hash."""
    content: str = ""
    """Hash of the scan's files; empty where there are none."""
    vertices: int = 0
    owned: int = 0
    """Vertices that belong to an annotated object."""
    contradicted: int = 0
    """Of these, those whose own class is not their object's."""
    objects: tuple[ObjectFacts, ...] = ()
    superpoints: int | None = None
    no_superpoints: str = ""
    """Why they were left out."""
    frames: FrameFacts | None = None
    no_frames: str = ""
    """Why there are none or, where there are, what is wrong with one of them."""


def scene_facts(
    dataset: Dataset, scene_id: str, split: Split, every: int, cut: Cutter
) -> SceneFacts:
    """Look at one scan; what cannot be read is said in the result, never raised.

    Args:
        dataset: where the scan is.
        scene_id: its name.
        split: whose list names it.
        every: every so-many-th frame on the disk is one of the setting's.
        cut: gives its superpoints.
    """
    content = _content(dataset, scene_id)
    try:
        scene = dataset.scene(scene_id)
    except DataError as error:
        return SceneFacts(scene_id, split, without_place(error, dataset), content)
    labels, no_superpoints = _superpoints(dataset, scene_id, cut)
    frames, no_frames = _frames(dataset, scene_id, every)
    return SceneFacts(
        scene_id,
        split,
        content=content,
        vertices=len(scene.vertices),
        owned=int((scene.instances != NO_OBJECT).sum()),
        contradicted=_contradicted(scene),
        objects=_objects(scene, labels),
        superpoints=None if labels is None else len(np.unique(labels)),
        no_superpoints=no_superpoints,
        frames=frames,
        no_frames=no_frames,
    )


def stored_or_cut(dataset: Dataset, setting: SettingConfig, store: Store) -> Cutter:
    """Give superpoints from the store where today's code put them, else computed and not kept."""

    def cut(scene_id: str) -> Superpoints:
        stage, config = stages.SUPERPOINTS, setting.superpoints
        key = store.key(stage, config, (dataset.scene_hash(scene_id),))
        found = store.find(stage, scene_id, key)
        if found is not None and found.own_code:
            with suppress(StoreError):  # damaged, and put aside by the store: cut it anew
                return found.load()
        return stage.make(Place(dataset, scene_id, setting.data.frame_every), config)

    return cut


def best_unions(
    labels: Int[np.ndarray, " vertices"],
    instances: Int[np.ndarray, " vertices"],
    object_ids: tuple[int, ...],
) -> Float[np.ndarray, " objects"]:
    """Largest IoU of each object and any union of superpoints; 0 for an object without vertices."""
    sizes = np.bincount(labels)
    pairs, counts = np.unique(np.stack([instances, labels]), axis=1, return_counts=True)
    best = np.zeros(len(object_ids))
    for place, object_id in enumerate(object_ids):
        mine = pairs[0] == object_id
        inside, whole = counts[mine], sizes[pairs[1, mine]]
        chosen = best_union(whole, inside)
        covered = inside[chosen].sum()
        best[place] = covered / max(1, whole[chosen].sum() + inside.sum() - covered)
    return best


def _objects(scene: Scene, labels: Int[np.ndarray, " vertices"] | None) -> tuple[ObjectFacts, ...]:
    ids = tuple(item.object_id for item in scene.objects)
    best = None if labels is None else best_unions(labels, scene.instances, ids)
    present, counts = np.unique(scene.instances, return_counts=True)
    sizes = dict(zip(present.tolist(), counts.tolist(), strict=True))
    return tuple(
        ObjectFacts(
            item.object_id,
            item.label,
            item.nyu40,
            sizes.get(item.object_id, 0),
            None if best is None else float(best[place]),
        )
        for place, item in enumerate(scene.objects)
    )


def _contradicted(scene: Scene) -> int:
    class_of = {item.object_id: item.nyu40 for item in scene.objects}
    ids, inverse = np.unique(scene.instances, return_inverse=True)
    meant = np.array([class_of.get(int(i), 0) for i in ids])[inverse.reshape(-1)]
    return int(((scene.instances != NO_OBJECT) & (meant != scene.semantics)).sum())


def _superpoints(
    dataset: Dataset, scene_id: str, cut: Cutter
) -> tuple[Int[np.ndarray, " vertices"] | None, str]:
    try:
        return cut(scene_id).labels, ""
    except DataError as error:
        return None, without_place(error, dataset)


def _frames(dataset: Dataset, scene_id: str, every: int) -> tuple[FrameFacts | None, str]:
    try:
        listing = dataset.frame_listing(scene_id, every)
    except DataError as error:
        return None, without_place(error, dataset)
    usable, broken = listing.usable, ""
    places = np.linspace(0, len(usable) - 1, min(DEPTHS_READ, len(usable))).round()
    measured = []
    for place in places:
        try:
            depth = dataset.frame(scene_id, usable[int(place)]).depth
        except DataError as error:
            broken = broken or without_place(error, dataset)
        else:
            measured.append(float((depth > 0).mean()))
    coverage = float(np.mean(measured)) if measured else None
    lost, incomplete = len(listing.invalid), len(listing.incomplete)
    return FrameFacts(len(usable), lost, incomplete, coverage), broken


def _content(dataset: Dataset, scene_id: str) -> str:
    try:
        return dataset.scene_hash(scene_id)
    except DataError:
        return ""


def without_place(error: DataError, dataset: Dataset) -> str:
    """The error's message without the folder in which this copy of the dataset happens to lie."""
    return str(error).replace(f"{dataset.root}/", "")
