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
from hcfres.objective.sums import Counts, LayerTerms, Sums


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
        """The losses of a batch that is a whole step.

        Raises:
            ValueError: the batch has no targets.
        """
        sums = self.sums(output, batch)
        return self.losses(sums, sums.counts)

    def losses(self, sums: Sums, counts: Counts) -> Losses:
        """A batch's share of a step's losses; the shares of its batches add up to the step's.

        Args:
            counts: of the whole step. All terms but sampling are divided by its pairs, sampling by
                its expressions, each by one where there is none.
        """
        terms = sums.terms.over(counts.pairs)
        sampling = sums.sampling / counts.expressions.clamp(min=1)
        last = {field.name: getattr(terms, field.name)[-1].detach() for field in fields(terms)}
        total = self._over_layers(terms) + self._config.sampling * sampling
        return Losses(total=total, sampling=sampling.detach(), **last)

    def undivided(self, sums: Sums) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The weighted parts of the total that pairs and expressions are still to divide."""
        return self._over_layers(sums.terms), self._config.sampling * sums.sampling

    def sums(self, output: NetworkOutput, batch: Batch) -> Sums:
        """The unweighted terms of each layer and the sampling term, summed over the batch.

        Outputs of half precision are judged in fp32.

        Raises:
            ValueError: the batch has no targets.
        """
        output = output.at_least_fp32()
        objects = make_objects(output, batch)
        targets = _targets(batch)
        superpoint = output.seeds.gather(1, output.selected)
        queries = anchor_match(output, objects, superpoint, output.queries_padded)
        compared = make_pairs(
            queries, objects, output.padded, output.relevance, self._target_indexing
        )
        masks = mask_losses(output.layers, compared)
        matched = queries.matched()
        words = make_words(targets.token_maps, batch.text.valid, matched, output.queries_padded)
        indicators = torch.stack([layer.indicators for layer in output.layers])
        vision = torch.stack([layer.vision for layer in output.layers])
        text = torch.stack([layer.text for layer in output.layers])
        terms = LayerTerms(
            masks.bce,
            masks.dice,
            masks.score,
            indicator_loss(indicators, matched, output.queries_padded),
            contrastive_loss(vision, text, words, self._padded_tokens),
        )
        pairs = queries.pairs.sum()
        counts = Counts(pairs, pairs.new_tensor(len(matched)))
        return Sums(terms, _sampling(output, targets, objects), counts)

    def _over_layers(self, terms: LayerTerms) -> Float[Tensor, ""]:
        """The weighted terms of all layers, later layers counting more."""
        weighted = terms.weighted(self._config)
        layers = len(weighted)
        depth = torch.arange(1, layers + 1, device=weighted.device).to(weighted.dtype) / layers
        return (weighted * depth).sum()


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
