"""The stages, from a scan to the features of its superpoints, with their versions.

Raise a stage's version when the meaning of its results changes; its recorded fingerprint in
`stage_fingerprints.toml` then follows by `python -m hcfres.pipeline.guard`.
"""

from typing import Any, TypeVar

from hcfres.data.features import (
    FrameMasks,
    FrameTokens,
    InstanceFeatures,
    LiftingOperator,
    SuperpointFeatures,
    Superpoints,
    TextFeatures,
)
from hcfres.store.recorded import marked_same
from hcfres.store.stage import Stage

V = TypeVar("V")

_MAKERS = "hcfres.pipeline.makers"
_READERS = ("hcfres.data.dataset:Dataset", "hcfres.data.own_scan:OwnScan")


def _stage(name: str, version: int, value: type[V], *, reads: bool, dear: bool = False) -> Stage[V]:
    same = marked_same(name, version)
    also = _READERS if reads else ()
    maker = f"{_MAKERS}:make_{name}"
    return Stage(name, version, value, maker, also, expensive=dear, unchanged=same)


SUPERPOINTS = _stage("superpoints", 2, Superpoints, reads=True)
MASKS = _stage("masks", 2, FrameMasks, reads=True, dear=True)
TOKENS = _stage("tokens", 2, FrameTokens, reads=True, dear=True)
INSTANCES = _stage("instances", 1, InstanceFeatures, reads=False)
DENSE_OPERATOR = _stage("dense_operator", 2, LiftingOperator, reads=True)
INSTANCE_OPERATOR = _stage("instance_operator", 2, LiftingOperator, reads=True)
DENSE = _stage("dense", 1, SuperpointFeatures, reads=False)
INSTANCE = _stage("instance", 1, SuperpointFeatures, reads=False)
TEXT = _stage("text", 2, TextFeatures, reads=False)

STAGES: tuple[Stage[Any], ...] = (
    SUPERPOINTS,
    MASKS,
    TOKENS,
    INSTANCES,
    DENSE_OPERATOR,
    INSTANCE_OPERATOR,
    DENSE,
    INSTANCE,
    TEXT,
)
