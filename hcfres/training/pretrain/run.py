"""`hcfres pretrain`: from nothing to weights and a model card. Each call resumes its folder."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import torch
from open_clip.model import CLIP
from segment_anything.modeling import Sam

from hcfres.semantics.clip import build_clip
from hcfres.semantics.sam import build_sam
from hcfres.semantics.weights import FILE_NAME, fill, write_weights
from hcfres.training.pretrain.backbone import BackboneLesson, BackboneTeacher
from hcfres.training.pretrain.backbone_quality import examine_backbone
from hcfres.training.pretrain.card import Card, Figure
from hcfres.training.pretrain.clip import ClipLesson
from hcfres.training.pretrain.clip_quality import examine_clip
from hcfres.training.pretrain.loop import Progress, Report, Schedule, train
from hcfres.training.pretrain.rooms import EXAM, LEARN, KeptViews
from hcfres.training.pretrain.sam import SamLesson, sharpen
from hcfres.training.pretrain.sam_quality import ROOMS_MASKS, examine_sam
from hcfres.training.pretrain.scans import KeptScans

STEPS = {"sam": 2400, "clip": 700, "backbone": 800}
"""Of the shipped weights."""
ROOMS = {"sam": 280, "clip": 280, "backbone": 160}
"""How many rooms each learns from."""
V = TypeVar("V")
_IN_MEMORY = 64
_VIEWS = "views"
_SHARPEN = 4.0


def pretrain_sam(folder: Path, steps: int, seed: int, report: Report) -> Card:
    """Train the tiny SAM and write weights.safetensors and card.md into `folder`.

    Raises:
        CheckpointError: the folder's checkpoint is damaged, or another training's.
    """
    source, learn = KeptViews(folder / _VIEWS), LEARN[: ROOMS["sam"]]
    sam = build_sam("tiny", seed)
    lesson = SamLesson(sam, lru_cache(_IN_MEMORY)(source), learn)
    train(lesson, Schedule(steps, seed, 2e-3), folder, report)
    return finish_sam(sam, folder, steps, seed, report)


def finish_sam(sam: Sam, folder: Path, steps: int, seed: int, report: Report) -> Card:
    """Write the trained SAM in half precision, examine what was written, write the card."""
    source, learn = KeptViews(folder / _VIEWS), LEARN[: ROOMS["sam"]]
    sharpen(sam, _SHARPEN)
    write_weights(folder / FILE_NAME, sam, {})
    fill(sam.eval(), folder / FILE_NAME, "the tiny SAM")
    with torch.inference_mode():
        quality = examine_sam(sam, _told(map(source, EXAM), "sam: examining", report), ROOMS_MASKS)
    figures = [
        Figure("visible objects with a mask of IoU 0.5 or more", quality.found(), 0.7),
        *(
            Figure(f"the same, {low} to {high - 1} pixels ({count} objects)", share)
            for low, high, count, share in quality.by_size()
        ),
        Figure("mean IoU of each object's best mask", quality.mean_overlap()),
        Figure("masks a picture", quality.masks_per_frame),
    ]
    notes = [
        "Visible: at least 200 pixels of 240 x 320 and 30 % of the silhouette unhidden. Masks are "
        f"made by `SamAutomaticMaskGenerator` with the thresholds `{ROOMS_MASKS}`."
    ]
    title = "The tiny SAM"
    card = Card(title, "sam", _SAM, learn, EXAM, steps, seed, figures, notes)
    return _finished(card, folder, sam)


def pretrain_clip(folder: Path, steps: int, seed: int, report: Report) -> Card:
    """Train the tiny CLIP and write weights.safetensors and card.md into `folder`.

    Raises:
        CheckpointError: as for `pretrain_sam`.
    """
    source, learn = KeptViews(folder / _VIEWS), LEARN[: ROOMS["clip"]]
    clip = build_clip("tiny", seed)
    lesson = ClipLesson(clip, lru_cache(_IN_MEMORY)(source), learn)
    train(lesson, Schedule(steps, seed, 1e-3, 0.05), folder, report)
    return finish_clip(clip, folder, steps, seed, report)


def finish_clip(clip: CLIP, folder: Path, steps: int, seed: int, report: Report) -> Card:
    """Write the trained CLIP in half precision, examine what was written, write the card."""
    source, learn = KeptViews(folder / _VIEWS), LEARN[: ROOMS["clip"]]
    write_weights(folder / FILE_NAME, clip, {})
    fill(clip.eval(), folder / FILE_NAME, "the tiny CLIP")
    quality = examine_clip(clip, _told(map(source, EXAM), "clip: examining", report))
    figures = [
        Figure("top-1 of object crops among 32 captions", quality.crops, 0.3),
        Figure("top-1 of pooled regions among 32 captions", quality.regions),
        *(Figure(f"{name} of pooled regions", share) for name, share in quality.properties),
    ]
    notes = [
        f"{quality.objects} objects with {quality.captions} distinct captions; each object's own "
        "caption stands among 31 others drawn anew. Class, colour and pattern are chosen among "
        "all phrases of the property."
    ]
    title = "The tiny CLIP"
    card = Card(title, "clip", _CLIP, learn, EXAM, steps, seed, figures, notes)
    return _finished(card, folder, clip)


def pretrain_backbone(folder: Path, steps: int, seed: int, report: Report) -> Card:
    """Train the U-Net and write weights.safetensors and card.md into `folder`.

    Raises:
        CheckpointError: as for `pretrain_sam`.
    """
    source, learn = KeptScans(folder / _VIEWS), LEARN[: ROOMS["backbone"]]
    teacher = BackboneTeacher(seed)
    lesson = BackboneLesson(teacher, lru_cache(ROOMS["backbone"])(source), learn)
    train(lesson, Schedule(steps, seed, 5e-3), folder, report)
    return finish_backbone(teacher, folder, steps, seed, report)


def finish_backbone(
    teacher: BackboneTeacher, folder: Path, steps: int, seed: int, report: Report
) -> Card:
    """Write the trained U-Net in half precision, examine what was written, write the card."""
    source, learn = KeptScans(folder / _VIEWS), LEARN[: ROOMS["backbone"]]
    write_weights(folder / FILE_NAME, teacher.backbone, {})
    fill(teacher.eval().backbone, folder / FILE_NAME, "the U-Net")
    rooms = _told(map(source, EXAM), "backbone: examining", report)
    quality = examine_backbone(teacher, rooms)
    figures = [
        Figure("semantic mIoU over the nyu40 classes that occur", quality.mean_iou),
        Figure("semantic mIoU over ScanNet's raw categories", quality.mean_iou_labels),
        Figure("share of vertices with the right raw category", quality.accuracy),
    ]
    title = "The sparse U-Net's initial weights"
    card = Card(title, "backbone", _BACKBONE, learn, EXAM, steps, seed, figures)
    return _finished(card, folder, teacher.backbone)


def _finished(card: Card, folder: Path, network: torch.nn.Module) -> Card:
    """Write the weights once more, with what the card says in their header, and the card."""
    write_weights(folder / FILE_NAME, network, card.about())
    card.write(folder)
    return card


def _told(rooms: Iterable[V], what: str, report: Report) -> Iterator[V]:
    """Pass rooms on and report each."""
    for number, room in enumerate(rooms):
        report(Progress(what, number, len(EXAM), float("nan"), {}))
        yield room


_SAM = (
    "`segment_anything.modeling.Sam` at a small size: the image encoder sees 192 x 192 pixels in "
    "patches of 8, 5 layers of width 128 (3 of them attend to the whole picture, the others in "
    "windows of 8); prompts and masks have 64 channels and two two-way layers."
)
_CLIP = (
    "`open_clip.model.CLIP`: pictures of 240 x 320 in patches of 16 (15 x 20 tokens), 4 layers of "
    "width 128, pooled by their mean; text of 16 tokens, 2 layers of width 96; 128 shared "
    "dimensions. The tokenizer is open_clip's with the merges of bpe.txt.gz."
)
_BACKBONE = (
    "`hcfres.model.backbone.SparseUNet` with 16 channels, 4 levels and voxels of 5 cm, trained to "
    "name each vertex's class and colour and to point to its object's centre; only the U-Net is "
    "kept."
)
