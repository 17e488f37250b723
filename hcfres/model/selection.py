"""Seeds of a scene, and the queries that a sentence chooses among them (Sec. III-D)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hcfres.geometry.sampling import farthest_points


@dataclass(frozen=True)
class Seeds:
    """Superpoints spread over each scene."""

    index: Int[Tensor, "scenes seeds"]
    """Superpoint within the scene; 0 where padded."""
    padded: Bool[Tensor, "scenes seeds"]
    """True for the missing ones of a scene with fewer superpoints than seeds."""


@dataclass(frozen=True)
class Selection:
    """What a sentence chose among its scene's seeds."""

    relevance: Float[Tensor, "expressions seeds"]
    """At least 0; sums to the number of valid tokens. 0 at padded seeds."""
    selected: Int[Tensor, "expressions queries"]
    """Index into the seeds, the most relevant first."""
    padded: Bool[Tensor, "expressions queries"]
    """True where a padded seed had to be taken."""


def sample_seeds(
    centroids: Float[Tensor, "scenes superpoints 3"],
    counts: tuple[int, ...],
    seeds: int,
    skips_origin: bool = False,
) -> Seeds:
    """Farthest point sampling on the superpoints' centroids, from superpoint 0 of each scene.

    Args:
        centroids: metres.
        counts: superpoints of each scene.
        skips_origin: the ancestors' sampling (`legacy = ["fps_skips_origin"]`), which repeats
            seeds where a scene has too few.
    """
    index = np.zeros((len(counts), seeds), dtype=np.int64)
    padded = np.ones((len(counts), seeds), dtype=bool)
    clouds = centroids.detach().cpu().numpy()
    for scene, count in enumerate(counts):
        chosen = farthest_points(clouds[scene, :count], seeds, skips_origin=skips_origin)
        index[scene, : len(chosen)] = chosen
        padded[scene, : len(chosen)] = False
    device = centroids.device
    return Seeds(torch.from_numpy(index).to(device), torch.from_numpy(padded).to(device))


class LanguageGuidedSelection(nn.Module):
    """The m seeds most relevant to a sentence, by cross-attention between tokens and seeds.

    For each token a softmax over the seeds; the sum over the valid tokens is a seed's relevance
    (decision 5).
    """

    def __init__(self, dim: int, queries: int) -> None:
        super().__init__()
        self.queries = queries
        self.query_proj = nn.Linear(dim, dim, bias=False)
        self.key_proj = nn.Linear(dim, dim, bias=False)

    def forward(
        self,
        seeds: Float[Tensor, "scenes seeds dim"],
        seeds_padded: Bool[Tensor, "scenes seeds"],
        text: Float[Tensor, "expressions tokens dim"],
        valid: Bool[Tensor, "expressions tokens"],
        scene_of_expression: Int[Tensor, " expressions"],
    ) -> Selection:
        """Relevance of each seed of the expression's scene, and the most relevant ones."""
        padded = seeds_padded[scene_of_expression]
        asked = self.query_proj(seeds)[scene_of_expression]
        logits = asked @ self.key_proj(text).transpose(1, 2) / text.shape[-1] ** 0.5
        attention = logits.masked_fill(padded[..., None], -torch.inf).softmax(1)
        relevance = (attention * valid[:, None]).sum(2)
        ranked = relevance.detach().masked_fill(padded, -1)
        selected = ranked.topk(self.queries, dim=1).indices
        return Selection(relevance, selected, padded.gather(1, selected))
