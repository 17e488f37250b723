"""Pre-training of the tiny CLIP on pictures of rooms and captions of what stands in them.

The contrastive loss of CLIP (Radford et al. 2021) between captions and objects, each object once
as a crop and once as the pooled tokens of its region in the full picture, the way Eq. 4 pools.
So that single tokens are informative too, each also chooses among the phrases for its class,
colour and pattern.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from open_clip.model import CLIP
from torch import Tensor

from hcfres.semantics.clip import load_tokenizer, prepare_images
from hcfres.training.pretrain.captions import (
    PHRASES,
    UNTOLD,
    Region,
    caption,
    properties,
    regions,
    token_values,
)
from hcfres.training.pretrain.views import View, Views, draw_view

_FRAMES = 8
_CROPS = 16
_LEAST_PIXELS = 120
_LEAST_EXPOSED = 0.3
_PROPERTY_WEIGHT = 0.5
_SCALE_LIMIT = 100.0


@dataclass(frozen=True)
class Encoded:
    """A batch of pictures and crops after the image tower, in the shared space."""

    tokens: Float[Tensor, "frames tokens shared"]
    pooled: Float[Tensor, "objects shared"]
    crops: Float[Tensor, "crops shared"]


class ClipLesson:
    """Pictures and crops of rooms, and captions."""

    what = "clip"

    def __init__(self, clip: CLIP, source: Views, seeds: range) -> None:
        self.network, self.source, self.seeds = clip, source, seeds
        self.tokenizer = load_tokenizer("tiny")
        phrases = [phrase for values in PHRASES.values() for phrase in values]
        self.phrase_ids = self.tokenizer(phrases)

    def loss(
        self, rng: np.random.Generator, done: float
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Draw pictures and crops; see the module's docstring for the loss."""
        views = [draw_view(self.source, self.seeds, rng) for _ in range(_FRAMES)]
        grid = self.network.visual.grid_size
        found = [regions(view, grid, _LEAST_PIXELS, _LEAST_EXPOSED) for view in views]
        objects = [region for of_frame in found for region in of_frame]
        cut = [objects[int(k)] for k in rng.choice(len(objects), min(_CROPS, len(objects)), False)]
        encoded = encode(self.network, views, found, cut)
        captions = [caption(region.item) for region in objects + cut]
        texts, which = np.unique(np.array(captions), return_inverse=True)
        text, phrases = self._read(self.tokenizer(list(texts)))
        scale = self.network.logit_scale.exp().clamp(max=_SCALE_LIMIT)
        images = torch.cat([encoded.pooled, encoded.crops])
        contrast, right = contrastive(images, text, torch.from_numpy(which.ravel()), scale)
        known = torch.tensor([properties(region.item) for region in objects + cut])
        dense = torch.cat([token_values(view, grid) for view in views])
        each = property_loss(images, known, phrases, scale)
        tokens = property_loss(encoded.tokens.flatten(0, 1), dense, phrases, scale)
        total = contrast + _PROPERTY_WEIGHT * (each + tokens)
        figures = {"contrast": contrast.item(), "objects": each.item(), "tokens": tokens.item()}
        return total, {**figures, "top1": right}

    def _read(
        self, token_ids: Int[Tensor, "texts context"]
    ) -> tuple[Float[Tensor, "texts shared"], dict[str, Float[Tensor, "values shared"]]]:
        """Encode captions, and the phrases of every property."""
        both = torch.cat([token_ids, self.phrase_ids])
        with torch.autocast("cpu", torch.bfloat16):
            encoded = self.network.encode_text(both)
        encoded = F.normalize(encoded.float(), dim=-1)
        parts = encoded[len(token_ids) :].split([len(values) for values in PHRASES.values()])
        return encoded[: len(token_ids)], dict(zip(PHRASES, parts, strict=True))


def encode(clip: CLIP, views: list[View], found: list[list[Region]], cut: list[Region]) -> Encoded:
    """Run the image tower once over pictures and crops, and pool the regions' tokens."""
    images = [np.ascontiguousarray(view.colour) for view in views]
    images += [np.ascontiguousarray(region.crop) for region in cut]
    with torch.autocast("cpu", torch.bfloat16):
        result = clip.visual.forward_intermediates(
            prepare_images(images, clip),
            indices=1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
        )
    tokens = result["image_intermediates"][0].float() @ clip.visual.proj
    pooled = [
        torch.stack([region.weights.flatten() for region in of_frame]) @ of_tokens
        for of_frame, of_tokens in zip(found, tokens, strict=False)
        if of_frame
    ]
    return Encoded(
        tokens=F.normalize(tokens[: len(views)], dim=-1),
        pooled=F.normalize(torch.cat(pooled), dim=-1),
        crops=F.normalize(tokens[len(views) :].mean(dim=1), dim=-1),
    )


def contrastive(
    images: Float[Tensor, "objects shared"],
    texts: Float[Tensor, "texts shared"],
    which: Int[Tensor, " objects"],
    scale: Float[Tensor, ""],
) -> tuple[Float[Tensor, ""], float]:
    """CLIP's symmetric loss where several objects may have one caption, and the top-1 share."""
    logits = scale * images @ texts.T
    to_text = F.cross_entropy(logits, which)
    own = F.one_hot(which, len(texts)).bool()
    own_share = torch.logsumexp(logits.masked_fill(~own, -torch.inf), dim=0)
    to_image = (torch.logsumexp(logits, dim=0) - own_share).mean()
    right = (logits.argmax(dim=1) == which).float().mean().item()
    return (to_text + to_image) / 2, right


def property_loss(
    images: Float[Tensor, "things shared"],
    values: Int[Tensor, "things 3"],
    phrases: dict[str, Float[Tensor, "values shared"]],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Cross-entropy of choosing the right phrase for class, colour and pattern, summed."""
    total = torch.zeros(())
    for column, texts in enumerate(phrases.values()):
        told = values[:, column] != UNTOLD
        if told.any():
            logits = scale * images[told] @ texts.T
            total = total + F.cross_entropy(logits, values[told, column])
    return total
