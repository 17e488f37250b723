"""Where ScanRefer's describers stood: `<scene>.anns.json`, one camera for each description."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from hcfres.data.annotations.annotations import Rejected
from hcfres.data.annotations.entries import AnyId, Point, SceneName, read_entries
from hcfres.data.expression import Viewpoint


class _Camera(BaseModel):
    position: Point
    lookat: Point


class _Annotated(BaseModel):
    scene_id: SceneName
    object_id: AnyId
    ann_id: AnyId
    camera: _Camera


@dataclass(frozen=True)
class Cameras:
    """The viewpoints of a file and the entries that cannot be used."""

    viewpoints: dict[str, Viewpoint]
    """By `Expression.key`; metres, the scan's own frame, not axis-aligned."""
    rejected: tuple[Rejected, ...]


def read_cameras(path: Path, way_out: str = "") -> Cameras:
    """Read where the describer stood for each sentence; the file's `rotation` is not needed.

    Raises:
        DataError: the file is missing or no JSON array.
    """
    found: dict[str, Viewpoint] = {}
    rejected: list[Rejected] = []
    entries = read_entries(path, _Annotated, ("scene_id", "object_id", "ann_id"), way_out)
    for place, entry in entries:
        if isinstance(entry, Rejected):
            rejected.append(entry)
            continue
        key = f"{entry.scene_id}|{entry.object_id}|{entry.ann_id}"
        if key in found:
            rejected.append(Rejected(place, key, "the same annotation comes twice"))
        else:
            found[key] = Viewpoint(entry.camera.position, entry.camera.lookat)
    return Cameras(found, tuple(rejected))
