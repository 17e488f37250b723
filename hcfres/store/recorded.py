"""What is recorded of the code of the rooms and of each stage."""

import tomllib
from functools import cache
from typing import Any

from hcfres.store.stage import PACKAGE

RECORDED = PACKAGE / "pipeline" / "stage_fingerprints.toml"
"""For the rooms and for each stage: version, fingerprint, and earlier fingerprints marked as making
the same; kept by `hcfres.pipeline.guard`."""


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """What RECORDED says, by stage; empty before the first record."""
    return tomllib.loads(RECORDED.read_text()) if RECORDED.is_file() else {}


def marked_same(name: str, version: int) -> frozenset[str]:
    """Fingerprints of earlier code of this version that is marked as making the same.

    Args:
        name: a stage's, or `rooms`.
        version: today's; marks of another version say nothing.
    """
    told = recorded().get(name, {})
    return frozenset(told.get("unchanged", {}) if told.get("version") == version else {})
