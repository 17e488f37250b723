"""Queries and the words that name them: the contrastive loss (Sec. III-E).

The form is the ancestors': the sentence ends in words for `not mentioned`, and queries that are
no target's belong to those.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hcfres.data.batch import TOKEN_MAPS

TEMPERATURE = 0.07
BACKGROUND = 0.1
ATTRIBUTE, PRONOUN, RELATION = 0.2, 0.2, 0.1
"""Weights of the words beside the main object's."""
_TINY = 1e-6


@dataclass(frozen=True)
class Words:
    """Which query belongs to which token."""

    main: Bool[Tensor, "expressions queries tokens"]
    """The main object's tokens for matched queries; for others the last two valid tokens."""
    attribute: Float[Tensor, "expressions queries tokens"]
    """As in the token maps, a span of n tokens with 1/n on each; 0 for unmatched queries."""
    pronoun: Float[Tensor, "expressions queries tokens"]
    other: Float[Tensor, "expressions queries tokens"]
    relation: Float[Tensor, "expressions queries tokens"]
    matched: Bool[Tensor, "expressions queries"]
    real: Bool[Tensor, "expressions queries"]
    """False for padded queries."""
    valid: Bool[Tensor, "expressions tokens"]
    last: Bool[Tensor, "expressions tokens"]
    """The last valid token."""
    last_but_one: Bool[Tensor, "expressions tokens"]


def make_words(
    token_maps: Float[Tensor, "expressions 5 tokens"],
    valid: Bool[Tensor, "expressions tokens"],
    matched: Bool[Tensor, "expressions queries"],
    padded: Bool[Tensor, "expressions queries"],
) -> Words:
    """Give the tokens to the queries."""
    number = torch.arange(valid.shape[1], device=valid.device)
    length = valid.sum(1, keepdim=True)
    last, last_but_one = number == length - 1, number == length - 2
    named = matched[..., None] & (token_maps[:, None, TOKEN_MAPS.index("main")] > 0)
    absent = ~matched[..., None] & (last | last_but_one)[:, None]

    def of_matched(kind: str) -> Float[Tensor, "expressions queries tokens"]:
        return matched[..., None] * token_maps[:, None, TOKEN_MAPS.index(kind)]

    return Words(
        main=(named | absent) & ~padded[..., None],
        attribute=of_matched("attribute"),
        pronoun=of_matched("pronoun"),
        other=of_matched("other"),
        relation=of_matched("relation"),
        matched=matched,
        real=~padded,
        valid=valid,
        last=last,
        last_but_one=last_but_one,
    )


def contrastive_loss(
    vision: Float[Tensor, "layers expressions queries projection"],
    text: Float[Tensor, "layers expressions tokens projection"],
    words: Words,
    padded_tokens: bool,
) -> Float[Tensor, " layers"]:
    """Half the sum of both directions, over queries, tokens and expressions.

    Args:
        padded_tokens: let padded tokens compete, as in the public code.
    """
    closeness = vision @ text.transpose(-1, -2) / TEMPERATURE
    towards_text = _query_to_text(closeness, words, padded_tokens)
    towards_queries = _text_to_query(closeness, words)
    return (towards_text + towards_queries) / 2


def _query_to_text(
    closeness: Float[Tensor, "layers expressions queries tokens"],
    words: Words,
    padded_tokens: bool,
) -> Float[Tensor, " layers"]:
    """Each query should be closest to its words; other objects' words repel twice."""
    pull = _mean_over(closeness, words.main)
    pull = pull + ATTRIBUTE * _mean_over(closeness, words.attribute > 0)
    pull = pull + PRONOUN * _mean_over(closeness, words.pronoun > 0)
    pull = pull + RELATION * _mean_over(closeness, words.relation > 0)
    rivals = torch.where(words.other > 0, 2 * closeness, closeness)
    if not padded_tokens:
        rivals = rivals.masked_fill(~words.valid[:, None], -torch.inf)
    each = (rivals.logsumexp(-1) - pull) * words.main.any(-1)
    weights = torch.ones_like(each[0]).masked_fill(~words.matched, BACKGROUND)
    return (each * weights).sum((1, 2))


def _mean_over(
    closeness: Float[Tensor, "layers expressions queries tokens"],
    chosen: Bool[Tensor, "expressions queries tokens"],
) -> Float[Tensor, "layers expressions queries"]:
    return (closeness * chosen).sum(-1) / (chosen.to(closeness.dtype).sum(-1) + _TINY)


def _text_to_query(
    closeness: Float[Tensor, "layers expressions queries tokens"], words: Words
) -> Float[Tensor, " layers"]:
    """Each token should be closest to its queries."""
    beside = (words.attribute, words.pronoun, words.relation)
    count = words.main.sum(1) + sum(kind.sum(1) for kind in beside) + _TINY
    repeats = words.main.to(closeness.dtype) + sum(kind > 0 for kind in beside)
    pull = (closeness * repeats).sum(2) / count
    rivals = closeness.masked_fill(~words.real[..., None], -torch.inf).logsumexp(2)
    each = rivals - pull - (count + _TINY).log() / count
    return (each * (repeats.sum(1) > 0) * _token_weights(words)).sum((1, 2))


def _token_weights(words: Words) -> Float[Tensor, "expressions tokens"]:
    """Later rules override earlier ones."""
    weights = torch.full_like(words.attribute[:, 0], BACKGROUND)
    weights = weights.masked_fill(words.last | words.main.any(1), 1.0)
    weights = weights.masked_fill((words.attribute > 0).any(1), ATTRIBUTE)
    weights = weights.masked_fill((words.pronoun > 0).any(1), PRONOUN)
    weights = weights.masked_fill((words.relation > 0).any(1), RELATION)
    return weights.masked_fill(words.last_but_one, BACKGROUND)
