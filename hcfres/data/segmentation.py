"""ScanNet's over-segmentation of a mesh, `<scene>_vh_clean_2.0.010000.segs.json`."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, FailFast, Field

from hcfres.data.errors import DataError
from hcfres.data.files import read_json, write_bytes

SegmentId = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _File(BaseModel):
    model_config = ConfigDict(strict=True)
    # the first wrong id is told: one error for each of a million would take gigabytes
    seg_indices: Annotated[list[SegmentId], FailFast()] = Field(alias="segIndices")


def read_segments(
    path: Path, vertices: int | None, way_out: str = ""
) -> Int[np.ndarray, " vertices"]:
    """Read the segment of each vertex; the ids are arbitrary and not contiguous.

    `vertices` is how many the mesh has, None where no mesh is at hand. The parameters in the file
    are ignored: the release's own disagree with the file's name.

    Raises:
        DataError: missing, malformed, or made for a mesh of another size.
    """
    found = read_json(path, _File.model_validate_json, way_out).seg_indices
    if vertices is not None and len(found) != vertices:
        reason = f"{len(found)} segment ids for a mesh of {vertices} vertices"
        hint = "Pair the decimated mesh (_vh_clean_2) with _vh_clean_2.0.010000.segs.json"
        raise DataError(path, reason, hint, "segIndices")
    return np.array(found, dtype=np.int64)


def write_segments(
    path: Path,
    scene_id: str,
    segments: Int[np.ndarray, " vertices"],
    k_threshold: float = 0.01,
    min_vertices: int = 20,
) -> None:
    """Write segment ids as the release does, parameters as strings."""
    params = {"kThresh": f"{k_threshold:g}", "segMinVerts": str(min_vertices)}
    content = {"params": params, "sceneId": scene_id, "segIndices": segments.tolist()}
    write_bytes(path, json.dumps(content, separators=(",", ":")).encode())


def split_by_instance(
    segments: Int[np.ndarray, " vertices"], instances: Int[np.ndarray, " vertices"]
) -> Int[np.ndarray, " vertices"]:
    """Cut segments where they lie across objects; each id is the segment's first vertex."""
    pairs = np.stack([segments, instances], axis=1)
    _, first, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)].astype(np.int64)
