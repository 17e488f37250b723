"""How well the tiny CLIP tells objects apart, on rooms it never saw."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from open_clip.model import CLIP
from torch import Tensor

from hcfres.semantics.clip import (
    encode_captions,
    load_tokenizer,
    prepare_images,
    spatial_tokens,
)
from hcfres.training.pretrain.captions import PHRASES, UNTOLD, caption, properties, regions
from hcfres.training.pretrain.views import RoomViews, view

CHOICES = 32
"""Captions among which each object's own is to be found."""
_PIXELS = 200
_EXPOSED = 0.3


@dataclass(frozen=True)
class ClipQuality:
    """Shares of visible objects that are told right."""

    objects: int
    captions: int
    """Distinct ones."""
    crops: float
    """Top-1 of crops among 32 captions."""
    regions: float
    """Top-1 of pooled regions of full pictures among 32 captions."""
    properties: tuple[tuple[str, float], ...]
    """Of pooled regions: class, colour and pattern chosen among all phrases."""


@dataclass(frozen=True)
class _Examined:
    """Every visible object of the rooms."""

    crops: Float[Tensor, "objects shared"]
    pooled: Float[Tensor, "objects shared"]
    captions: tuple[str, ...]
    values: Int[Tensor, "objects 3"]


@torch.inference_mode()
def examine_clip(clip: CLIP, rooms: Iterable[RoomViews], seed: int = 0) -> ClipQuality:
    """Ask for every visible object's caption, from its crop and from its region."""
    examined = _examine(clip, rooms)
    tokenizer = load_tokenizer("tiny")
    texts, which = np.unique(np.array(examined.captions), return_inverse=True)
    encoded = encode_captions(clip, tokenizer, list(texts))
    shares = []
    for column, phrases in enumerate(PHRASES.values()):
        told = examined.values[:, column] != UNTOLD
        scores = examined.pooled[told] @ encode_captions(clip, tokenizer, phrases).T
        right = scores.argmax(dim=1) == examined.values[told, column]
        shares.append(right.float().mean().item())
    return ClipQuality(
        objects=len(which),
        captions=len(texts),
        crops=top_one(examined.crops @ encoded.T, which, seed),
        regions=top_one(examined.pooled @ encoded.T, which, seed),
        properties=tuple(zip(PHRASES, shares, strict=True)),
    )


def top_one(
    scores: Float[Tensor, "objects captions"], which: Int[np.ndarray, " objects"], seed: int
) -> float:
    """Share of objects whose caption scores above 31 others, drawn anew for each object."""
    rng = np.random.default_rng(seed)
    captions = scores.shape[1]
    others = min(CHOICES, captions) - 1
    right = 0
    for row, own in enumerate(which):
        drawn = rng.choice(captions - 1, others, replace=False)
        drawn = drawn + (drawn >= own)
        right += bool((scores[row, drawn] < scores[row, int(own)]).all())
    return right / max(len(which), 1)


def _examine(clip: CLIP, rooms: Iterable[RoomViews]) -> _Examined:
    crops: list[Tensor] = []
    pooled: list[Tensor] = []
    captions: list[str] = []
    values: list[tuple[int, int, int]] = []
    for views in rooms:
        tokens = spatial_tokens(clip, prepare_images(list(views.colour), clip)).flatten(1, 2)
        for number in range(len(views.colour)):
            found = regions(view(views, number), clip.visual.grid_size, _PIXELS, _EXPOSED)
            if not found:
                continue
            weights = torch.stack([region.weights.flatten() for region in found])
            pooled.append(weights @ tokens[number] @ clip.visual.proj)
            images = prepare_images([region.crop for region in found], clip)
            crops.append(clip.encode_image(images))
            captions += [caption(region.item) for region in found]
            values += [properties(region.item) for region in found]
    return _Examined(
        crops=F.normalize(torch.cat(crops), dim=-1),
        pooled=F.normalize(torch.cat(pooled), dim=-1),
        captions=tuple(captions),
        values=torch.tensor(values),
    )
