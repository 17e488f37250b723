"""Which tokens speak of what: the five maps that the contrastive loss is taught with."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hcfres.data.batch import TOKEN_MAPS
from hcfres.language.parsing.graph import SceneGraph, Span

NOT_MENTIONED = " . not mentioned"
"""Put after every utterance; its last tokens are the anchor of whatever is no target."""


def token_maps(
    graph: SceneGraph, offsets: Sequence[Span], length: int
) -> Float[np.ndarray, "5 tokens"]:
    """The maps of an utterance, in the order of TOKEN_MAPS.

    A span that covers n tokens holds 1/n on each of them; where two spans of a map share a token,
    the larger value stays. Tokens cut off by the tokeniser belong to no span.

    Args:
        offsets: first character and one past the last of each token of the utterance with
            NOT_MENTIONED after it; (0, 0) for special tokens.
        length: number of tokens of the maps, at least as many as `offsets`.
    """
    if length < len(offsets):
        raise ValueError(f"{len(offsets)} tokens do not fit into maps of length {length}")
    maps = np.zeros((len(TOKEN_MAPS), length), dtype=np.float32)
    first, last = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    for row, row_spans in zip(maps, graph.spans, strict=True):
        for start, end in row_spans:
            covered = np.flatnonzero(np.maximum(first, start) < np.minimum(last, end))
            if len(covered):
                row[covered] = np.maximum(row[covered], 1.0 / len(covered))
    return maps
