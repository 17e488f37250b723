"""Pre-training of the tiny SAM: from a point to the mask of the object it lies on.

The losses are those of SAM's own training (Kirillov et al. 2023): focal and Dice at 20:1 on the
best of the three masks, and the squared error of the predicted IoU. Two more shorten the training
of so small a network, and fade: a balanced cross-entropy, for which an empty mask is no way out,
and a loss on the image embedding and the mask features (places of one object are alike), which is
learnt alone at first.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from hcfres.training.pretrain.views import View, Views, draw_view

_IMAGES = 4
_PROMPTS = 12
_PAIRS = (64, 512)
"""Places of a picture whose likeness to how many others is asked for."""
_ENCODER_ONLY = 0.2
"""Share of the steps in which only the likeness of places is learnt: it costs a third."""
_LARGE = 0.2
"""Share of the picture from which on a mask, a wall's say, is left out of the reported IoU."""
_OTHER_MASKS = 0.1
"""Weight of the masks that are not the best, so that none stays untrained."""


class SamLesson:
    """Points on pictures of rooms, and the masks they should give."""

    what = "sam"

    def __init__(self, sam: Sam, source: Views, seeds: range) -> None:
        self.network, self.source, self.seeds = sam, source, seeds

    def loss(
        self, rng: np.random.Generator, done: float
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Draw pictures and points; see the module's docstring for the loss."""
        views = [draw_view(self.source, self.seeds, rng) for _ in range(_IMAGES)]
        owners = [one_wall(view) for view in views]
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = self.network.image_encoder(sam_images(self.network, views))
            features = self.network.mask_decoder.output_upscaling(embeddings)
        likeness = torch.stack(
            [
                likeness_loss(level.float(), owner, rng)
                for level_of_batch in (embeddings, features)
                for level, owner in zip(level_of_batch, owners, strict=True)
            ]
        ).mean()
        if done < _ENCODER_ONLY:
            return likeness, {"likeness": likeness.item()}
        parts = [
            self._prompted(embedding, owner, rng)
            for embedding, owner in zip(embeddings, owners, strict=True)
        ]
        found = [torch.cat(tensors) for tensors in zip(*parts, strict=True)]
        late = (done - _ENCODER_ONLY) / (1 - _ENCODER_ONLY)
        mask, quality, overlap = mask_losses(found[0], found[1], found[2], late)
        total = mask + quality + (1.0 - 0.8 * late) * likeness
        figures = {"mask": mask.item(), "quality": quality.item(), "likeness": likeness.item()}
        return total, {**figures, "iou": overlap}

    def _prompted(
        self,
        embedding: Float[Tensor, "dim grid grid"],
        owner: Int[np.ndarray, "height width"],
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw points on one picture: logits, scores and true masks."""
        points, truth = draw_points(owner, rng)
        logits, scores = predict(self.network, embedding[None], points, owner.shape)
        return logits, scores, truth


def one_wall(view: View) -> Int[np.ndarray, "height width"]:
    """Give the object at every pixel, where the walls of a room are one object."""
    first = len(view.room.furniture)
    walls = (view.instances >= first) & (view.instances < first + 4)
    return np.where(walls, first, view.instances)


@torch.no_grad()
def sharpen(sam: Sam, factor: float) -> None:
    """Multiply every mask logit, so that the masks stay and their stability score spreads out.

    The stability score compares the mask at logits -1 and 1; a network trained for so short a
    time has logits of that size all over its masks.
    """
    for hypernetwork in sam.mask_decoder.output_hypernetworks_mlps:
        hypernetwork.layers[-1].weight *= factor
        hypernetwork.layers[-1].bias *= factor


def sam_images(sam: Sam, views: list[View]) -> Float[Tensor, "batch 3 image image"]:
    """Resize, normalise and pad as `SamPredictor` does."""
    resize = ResizeLongestSide(sam.image_encoder.img_size)
    images = [resize.apply_image(np.ascontiguousarray(view.colour)) for view in views]
    tensors = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return sam.preprocess(tensors)


def draw_points(
    instances: Int[np.ndarray, "height width"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "prompts 2"], Bool[Tensor, "prompts height width"]]:
    """Draw points, a quarter anywhere and the rest on objects whatever their size, and the masks.

    Returns:
        Points as (x, y) pixels, and the true masks.
    """
    height, width = instances.shape
    rows = rng.integers(height, size=_PROMPTS)
    columns = rng.integers(width, size=_PROMPTS)
    present, counts = np.unique(instances, return_counts=True)
    chosen = rng.choice(present[counts >= 60], size=3 * _PROMPTS // 4)
    order = np.argsort(instances, axis=None, kind="stable")
    starts = np.searchsorted(instances.ravel()[order], chosen)
    sizes = counts[np.searchsorted(present, chosen)]
    flat = order[starts + (rng.random(len(chosen)) * sizes).astype(np.int64)]
    rows[: len(chosen)], columns[: len(chosen)] = np.unravel_index(flat, instances.shape)
    truth = instances[None] == instances[rows, columns][:, None, None]
    return np.stack([columns, rows], axis=1).astype(np.float64), torch.from_numpy(truth)


def predict(
    sam: Sam,
    embedding: Float[Tensor, "1 dim grid grid"],
    points: Float[np.ndarray, "prompts 2"],
    size: tuple[int, int],
) -> tuple[Float[Tensor, "prompts masks low_height low_width"], Float[Tensor, "prompts masks"]]:
    """Give the four masks' logits at low resolution, without the padding, and their scores."""
    resize = ResizeLongestSide(sam.image_encoder.img_size)
    coordinates = torch.from_numpy(resize.apply_coords(points, size)).float()[:, None]
    sparse, dense = sam.prompt_encoder(
        points=(coordinates, torch.ones(len(points), 1)), boxes=None, masks=None
    )
    with torch.autocast("cpu", torch.bfloat16):
        logits, scores = sam.mask_decoder.predict_masks(
            embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense
        )
    height, width = resize.get_preprocess_shape(*size, sam.image_encoder.img_size)
    low = sam.prompt_encoder.mask_input_size[0] / sam.image_encoder.img_size
    return logits[..., : round(height * low), : round(width * low)].float(), scores.float()


def shrink(
    truth: Bool[Tensor, "prompts height width"], size: tuple[int, int]
) -> Float[Tensor, "prompts low_height low_width"]:
    """Take the share of each low-resolution pixel that the true mask covers."""
    return F.interpolate(truth[:, None].float(), size, mode="area")[:, 0]


def mask_losses(
    logits: Float[Tensor, "prompts masks low_height low_width"],
    scores: Float[Tensor, "prompts masks"],
    truth: Bool[Tensor, "prompts height width"],
    done: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], float]:
    """Give the mask loss, the quality loss and the mean IoU of the best masks of small things.

    Args:
        done: how far the focal loss has taken the balanced cross-entropy's place, 0..1.
    """
    target = shrink(truth, (logits.shape[2], logits.shape[3]))[:, None].expand_as(logits)
    each = dice(logits, target) + 20 * done * focal(logits, target)
    each = each + 4 * (1 - done) * balanced(logits, target)
    best, others = each[:, 1:].min(dim=1).values, each[:, 1:].mean(dim=1)
    mask = ((1 - _OTHER_MASKS) * best + _OTHER_MASKS * others + _OTHER_MASKS * each[:, 0]).mean()
    overlap = mask_iou(logits.detach(), target)
    quality = F.mse_loss(scores, overlap)
    reached = overlap[:, 1:].max(dim=1).values
    small = target[:, 0].mean(dim=(1, 2)) < _LARGE
    return mask, quality, (reached[small] if small.any() else reached).mean().item()


def focal(
    logits: Float[Tensor, "prompts masks height width"],
    target: Float[Tensor, "prompts masks height width"],
) -> Float[Tensor, "prompts masks"]:
    """Focal loss with gamma 2, the mean over pixels (Lin et al. 2017)."""
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = (logits.sigmoid() - target).abs()
    return (cross * wrong.square()).mean(dim=(2, 3))


def balanced(
    logits: Float[Tensor, "prompts masks height width"],
    target: Float[Tensor, "prompts masks height width"],
) -> Float[Tensor, "prompts masks"]:
    """Cross-entropy in which a mask's inside and its outside weigh equally."""
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    inside = (cross * target).sum(dim=(2, 3)) / target.sum(dim=(2, 3)).clamp(min=1)
    outside = (cross * (1 - target)).sum(dim=(2, 3)) / (1 - target).sum(dim=(2, 3)).clamp(min=1)
    return (inside + outside) / 2


def dice(
    logits: Float[Tensor, "prompts masks height width"],
    target: Float[Tensor, "prompts masks height width"],
) -> Float[Tensor, "prompts masks"]:
    """One minus the Dice coefficient of the soft mask, smoothed by one pixel."""
    soft = logits.sigmoid()
    common = (soft * target).sum(dim=(2, 3))
    return 1 - (2 * common + 1) / (soft.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)


def mask_iou(
    logits: Float[Tensor, "prompts masks height width"],
    target: Float[Tensor, "prompts masks height width"],
) -> Float[Tensor, "prompts masks"]:
    """IoU of the thresholded masks, 0 where both are empty."""
    found, true = logits > 0, target >= 0.5
    common = (found & true).sum(dim=(2, 3))
    return common / (found | true).sum(dim=(2, 3)).clamp(min=1)


def likeness_loss(
    features: Float[Tensor, "channels rows columns"],
    owner: Int[np.ndarray, "height width"],
    rng: np.random.Generator,
) -> Float[Tensor, ""]:
    """Ask the features of one object to point the same way and those of different ones not to.

    Cross-entropy of `8 cos - 3` about the features' mean, where the same and the different pairs
    weigh equally; small objects are drawn as often as large ones.
    """
    height, width = owner.shape
    cell = max(height, width) / max(features.shape[1:])
    rows = ((np.arange(int(height / cell)) + 0.5) * cell).astype(np.int64)
    columns = ((np.arange(int(width / cell)) + 0.5) * cell).astype(np.int64)
    labels = owner[np.ix_(rows, columns)].ravel()
    flat = features[:, : len(rows), : len(columns)].flatten(1).T
    flat = F.normalize(flat - flat.mean(dim=0), dim=1)
    _, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    chance = 1 / counts[which.ravel()]
    drawn = rng.choice(len(labels), sum(_PAIRS), p=chance / chance.sum())
    logits = 8 * flat[drawn[: _PAIRS[0]]] @ flat[drawn[_PAIRS[0] :]].T - 3
    same = torch.from_numpy(labels[drawn[: _PAIRS[0], None]] == labels[None, drawn[_PAIRS[0] :]])
    each = F.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
    inside = (each * same).sum() / same.sum().clamp(min=1)
    return inside + (each * ~same).sum() / (~same).sum().clamp(min=1)
