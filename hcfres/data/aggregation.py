"""ScanNet's objects as groups of segments, `<scene>.aggregation.json`."""

import json
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, FailFast, Field

from hcfres.data.errors import DataError
from hcfres.data.files import read_json, write_bytes
from hcfres.data.scene import NO_OBJECT
from hcfres.data.segmentation import SegmentId

LARGEST = 16 << 20
"""Bytes; the release's longest list of objects has a few hundred thousand."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObjectGroup:
    """One annotated object."""

    object_id: int
    label: str
    """Raw category, lower case, with spaces."""
    segments: tuple[int, ...]
    """Ids of the segments that make it up."""


class _Group(BaseModel):
    model_config = ConfigDict(strict=True)
    object_id: SegmentId = Field(alias="objectId")
    label: str
    segments: Annotated[list[SegmentId], FailFast()]  # the first wrong id of a group is told


class _File(BaseModel):
    model_config = ConfigDict(strict=True)
    seg_groups: list[_Group] = Field(alias="segGroups")


def read_aggregation(path: Path, way_out: str = "") -> tuple[ObjectGroup, ...]:
    """Read the annotated objects in the file's order.

    A list that says everything twice (scene0217_00) is read once, with the first ids.

    Raises:
        DataError: missing or malformed, or two objects share an id.
    """
    found = read_json(path, _File.model_validate_json, way_out, LARGEST).seg_groups
    groups = tuple(ObjectGroup(g.object_id, g.label, tuple(g.segments)) for g in found)
    groups = _without_repetition(path, groups)
    ids = [group.object_id for group in groups]
    if twice := sorted(i for i, times in Counter(ids).items() if times > 1):
        raise DataError(
            path, f"several objects have the objectId {twice[:10]}", way_out, "segGroups"
        )
    return groups


def _without_repetition(path: Path, groups: tuple[ObjectGroup, ...]) -> tuple[ObjectGroup, ...]:
    half, odd = divmod(len(groups), 2)
    content = [(group.label, group.segments) for group in groups]
    if half == 0 or odd or content[:half] != content[half:]:
        return groups
    _log.warning("%s: every object comes twice; the first %d are kept", path, half)
    return groups[:half]


def instances_of(
    groups: tuple[ObjectGroup, ...], segments: Int[np.ndarray, " vertices"], source: Path | str
) -> Int[np.ndarray, " vertices"]:
    """Give each vertex the object its segment belongs to, NO_OBJECT where none claims it.

    Where two objects claim a segment the later one in the file has it. Such segments, and those
    that no vertex has, are counted in a warning that names `source`.
    """
    present, inverse = np.unique(segments, return_inverse=True)
    claims = [set(group.segments) for group in groups]
    claimed = np.array([one for claim in claims for one in claim], dtype=np.int64)
    ids = np.array([group.object_id for group in groups], dtype=np.int64)
    claimant = ids.repeat(np.array([len(claim) for claim in claims], dtype=np.int64))
    found = np.isin(claimed, present)
    place = np.searchsorted(present, claimed[found])
    owner = np.full(len(present), NO_OBJECT, dtype=np.int64)
    owner[place] = claimant[found]  # of equal places the last one stays
    if absent := int((~found).sum()):
        _log.warning("%s: %d segments belong to no vertex and were skipped", source, absent)
    if shared := len(place) - len(np.unique(place)):
        _log.warning("%s: %d segments are of several objects; the last has them", source, shared)
    return owner[inverse.reshape(-1)]


def groups_of(
    labels: dict[int, str],
    segments: Int[np.ndarray, " vertices"],
    instances: Int[np.ndarray, " vertices"],
) -> tuple[ObjectGroup, ...]:
    """The inverse of `instances_of`: which segments make up each object of `labels` (id to label).

    Raises:
        DataError: a segment lies across objects; `split_by_instance` cuts such segments.
    """
    pairs = np.unique(np.stack([segments, instances], axis=1), axis=0)
    ids, times = np.unique(pairs[:, 0], return_counts=True)
    if (times > 1).any():
        reason = f"segment {ids[times > 1][0]} lies across several objects"
        raise DataError("segments", reason, "Cut it with split_by_instance first")
    return tuple(
        ObjectGroup(i, label, tuple(pairs[pairs[:, 1] == i, 0].tolist()))
        for i, label in labels.items()
    )


def write_aggregation(path: Path, scene_id: str, groups: tuple[ObjectGroup, ...]) -> None:
    """Write the objects as the release does."""
    content = {
        "sceneId": f"scannet.{scene_id}",
        "appId": "Aggregator.v2",
        "segGroups": [
            {
                "id": g.object_id,
                "objectId": g.object_id,
                "segments": list(g.segments),
                "label": g.label,
            }
            for g in groups
        ],
        "segmentsFile": f"scannet.{scene_id}_vh_clean_2.0.010000.segs.json",
    }
    write_bytes(path, json.dumps(content, separators=(",", ":")).encode())
