"""At full size our MDIN and IPDN own the public code's parameters, name by name."""

from collections.abc import Iterator
from pathlib import Path

import torch

from hcfres.config.setting import TextConfig
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.model.published import PUBLISHED
from hcfres.training.published_text import text_shapes

from .case import EXACT, Finding
from .networks import FULL, ancestor

WIDTHS = 1024, 768
"""Of CLIP's tokens and of RoBERTa's."""


def check_names(path: Path) -> Iterator[Finding]:
    """Names and shapes of a method's key list, the text encoder and the loss's buffers left out."""
    family = path.name.partition("_")[0]
    published = PUBLISHED[family]
    theirs = {
        published.ours(name) or name: shape
        for name, shape in key_list(path)
        if not name.startswith((published.text, *published.objective))
    }
    yield _differing(path, "names and shapes that differ", _shapes(full_size(family)), theirs)


def check_text_names(path: Path) -> Iterator[Finding]:
    """Names and shapes of RoBERTa's key list."""
    ours = text_shapes(TextConfig(model="base", weights="roberta-base", parser="rules"))
    told = {name: "x".join(map(str, shape)) for name, shape in ours.items()}
    yield _differing(path, "names and shapes that differ", told, dict(key_list(path)))


def key_list(path: Path) -> list[tuple[str, str]]:
    """Names and shapes of a key list; `scalar` is a shape."""
    rows = (row.split("\t") for row in path.read_text().splitlines()[1:])
    return [(row[0], row[1]) for row in rows]


def full_size(family: str) -> HcfRes:
    """The ancestor at the public configuration's sizes, without numbers."""
    with torch.device("meta"):
        return build_network(ancestor(family, 6), FULL, *WIDTHS)


def _shapes(network: HcfRes) -> dict[str, str]:
    state = network.state_dict().items()
    return {name: "x".join(map(str, value.shape)) or "scalar" for name, value in state}


def _differing(path: Path, what: str, ours: dict[str, str], theirs: dict[str, str]) -> Finding:
    return Finding(path.name, what, float(len(ours.items() ^ theirs.items())), EXACT)
