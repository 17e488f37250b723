"""The objective: every term, over every layer of the decoder (Sec. III-E)."""

from collections.abc import Collection
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hcfres.config.method import LossConfig
from hcfres.data.batch import Batch, TargetBatch
from hcfres.model.output import NetworkOutput
from hcfres.objective.contrastive import contrastive_loss, make_words
from hcfres.objective.indicator import indicator_loss, sampling_loss, seed_targets
from hcfres.objective.masks import make_pairs, mask_losses
from hcfres.objective.matching import Match, match
from hcfres.objective.objects import Objects, make_objects


@dataclass(frozen=True)
class LayerTerms:
    """The unweighted terms that every layer has, from the initial queries to the last layer."""

    mask_bce: Float[Tensor, " layers"]
    mask_dice: Float[Tensor, " layers"]
    score: Float[Tensor, " layers"]
    indicator: Float[Tensor, " layers"]
    contrastive: Float[Tensor, " layers"]

    def weighted(self, config: LossConfig) -> Float[Tensor, " layers"]:
        """Their weighted sum in each layer."""
        return sum(
            (getattr(config, field.name) * getattr(self, field.name) for field in fields(self)),
            start=torch.zeros_like(self.mask_bce),
        )


@dataclass(frozen=True)
class Losses:
    """What a step is judged by; every term but the total is the last layer's, unweighted."""

    total: Float[Tensor, ""]
    """With gradient: the weighted terms of all layers, layer i of n counting (i + 1) / n."""
    mask_bce: Float[Tensor, ""]
    mask_dice: Float[Tensor, ""]
    score: Float[Tensor, ""]
    sampling: Float[Tensor, ""]
    indicator: Float[Tensor, ""]
    contrastive: Float[Tensor, ""]


class Criterion:
    """Judges a network's output.

    Args:
        config: the weight of each term.
        legacy: the method's legacy names; `target_indexing` and `padded_tokens_in_contrastive`
            are the objective's.
    """

    def __init__(self, config: LossConfig, legacy: Collection[str] = ()) -> None:
        self._config = config
        self._target_indexing = "target_indexing" in legacy
        self._padded_tokens = "padded_tokens_in_contrastive" in legacy

    def __call__(self, output: NetworkOutput, batch: Batch) -> Losses:
        """The losses of a batch.

        All terms but sampling are divided by the number of matched pairs of the batch, by one
        where there is none.

        Raises:
            ValueError: the batch has no targets.
        """
        objects = make_objects(output, batch)
        terms, sampling = self.terms(output, batch, objects)
        layers = len(output.layers)
        depth = torch.arange(1, layers + 1, device=sampling.device).to(sampling.dtype) / layers
        total = (terms.weighted(self._config) * depth).sum()
        last = {field.name: getattr(terms, field.name)[-1].detach() for field in fields(terms)}
        return Losses(
            total=total + self._config.sampling * sampling, sampling=sampling.detach(), **last
        )

    def terms(
        self, output: NetworkOutput, batch: Batch, objects: Objects
    ) -> tuple[LayerTerms, Float[Tensor, ""]]:
        """The unweighted terms of each layer, and the sampling loss."""
        targets = _targets(batch)
        superpoint = output.seeds.gather(1, output.selected)
        queries = anchor_match(output, objects, superpoint, output.queries_padded)
        pairs = make_pairs(queries, objects, output.padded, output.relevance, self._target_indexing)
        normaliser = queries.pairs.sum().clamp(min=1)
        masks = mask_losses(output.layers, pairs)
        matched = queries.matched()
        words = make_words(targets.token_maps, batch.text.valid, matched, output.queries_padded)
        indicators = torch.stack([layer.indicators for layer in output.layers])
        vision = torch.stack([layer.vision for layer in output.layers])
        text = torch.stack([layer.text for layer in output.layers])
        terms = LayerTerms(
            masks.bce / normaliser,
            masks.dice / normaliser,
            masks.score / normaliser,
            indicator_loss(indicators, matched, output.queries_padded) / normaliser,
            contrastive_loss(vision, text, words, self._padded_tokens) / normaliser,
        )
        return terms, _sampling(output, targets, objects)


def _targets(batch: Batch) -> TargetBatch:
    if batch.targets is None:
        raise ValueError("the objective needs a batch with targets")
    return batch.targets


def anchor_match(
    output: NetworkOutput,
    objects: Objects,
    superpoint: Int[Tensor, "expressions anchors"],
    padded: Bool[Tensor, "expressions anchors"],
) -> Match:
    """Anchors on these superpoints of each expression's scene, matched with its targets."""
    positions = output.centroids.gather(1, superpoint[..., None].expand(-1, -1, 3))
    instances = objects.instance_of_superpoint.gather(1, superpoint)
    return match(positions, instances, padded, objects)


def _sampling(output: NetworkOutput, targets: TargetBatch, objects: Objects) -> Float[Tensor, ""]:
    seeds = anchor_match(output, objects, output.seeds, output.seeds_padded)
    positions = output.centroids.gather(1, output.seeds[..., None].expand(-1, -1, 3))
    relevance = targets.relevance.to(output.relevance.dtype).gather(1, output.seeds)
    wanted = seed_targets(positions.to(relevance.dtype), relevance, seeds, objects)
    return sampling_loss(output.relevance, wanted, output.seeds_padded)
