"""Frozen RoBERTa: the token features of sentences, with the anchor of whatever is no target."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast, RobertaModel, logging

from hcfres.config.setting import TextConfig
from hcfres.data.errors import DataError
from hcfres.data.features import TextFeatures
from hcfres.language.parsing.graph import Parser, SceneGraph, Span
from hcfres.language.parsing.registry import load_parser
from hcfres.language.presets import (
    MOST_TOKENS,
    SPECIAL,
    TOKENIZER,
    folder_of,
    random_seed,
    tiny_config,
    width_of,
)
from hcfres.language.token_maps import NOT_MENTIONED, token_maps

logging.disable_progress_bar()

_BATCH = 64
SPECIAL_SPAN: Span = (0, 0)
"""The offsets of a token that stands for no characters."""


@dataclass(frozen=True)
class TextEncoder:
    """A RoBERTa in evaluation mode, its parameters frozen, and what it reads sentences with."""

    network: RobertaModel
    tokenizer: PreTrainedTokenizerFast
    parser: Parser

    @property
    def width(self) -> int:
        """Width of the features."""
        return self.network.config.hidden_size


@dataclass(frozen=True)
class Tokens:
    """A sentence as the network reads it: the parsed utterance with NOT_MENTIONED after it."""

    graph: SceneGraph
    ids: tuple[int, ...]
    offsets: tuple[Span, ...]
    """Characters of each token in the utterance with NOT_MENTIONED; (0, 0) for special tokens."""


def load_text(config: TextConfig, weights_dir: Path) -> TextEncoder:
    """The encoder that the configuration names, from local files only.

    Args:
        config: model `tiny` or `base`; weights `package:NAME`, `random:SEED` (tiny, untrained, the
            same on every machine) or a folder under `weights_dir`; a parser of the registry.

    Raises:
        ConfigError: no such preset or parser, or files are missing; the message says how to get
            them.
        DataError: the files are damaged or hold another network.
    """
    width = width_of(config.model)
    folder = folder_of(config, weights_dir)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    seed = random_seed(config)
    network = _read(folder) if seed is None else untrained(seed, len(tokenizer))
    if network.config.hidden_size != width:
        raise DataError(
            f"{folder}: {network.config.hidden_size} wide, but `{config.model}` has {width}"
        )
    if network.config.vocab_size < len(tokenizer):
        raise DataError(
            f"{folder}: {TOKENIZER} has {len(tokenizer)} pieces, the network "
            f"{network.config.vocab_size}; both come from one folder"
        )
    parser = load_parser(config.parser, weights_dir)
    return TextEncoder(network.eval().requires_grad_(False), tokenizer, parser)


def untrained(seed: int, pieces: int) -> RobertaModel:
    """The tiny network with random weights, the same ones for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RobertaModel(tiny_config(pieces), add_pooling_layer=False)


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a tokenizer.json; a damaged file is a DataError."""
    bos, pad, eos, unknown, mask = SPECIAL
    try:
        return PreTrainedTokenizerFast(
            tokenizer_file=str(path),
            bos_token=bos,
            eos_token=eos,
            pad_token=pad,
            unk_token=unknown,
            mask_token=mask,
        )
    except Exception as error:  # the Rust tokenizers raise bare Exception
        raise DataError(f"{path}: not a readable tokenizer ({error}); get it again") from error


def _read(folder: Path) -> RobertaModel:
    try:
        loaded: Any = RobertaModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except Exception as error:  # transformers and safetensors raise many kinds
        raise DataError(f"{folder}: not a readable RoBERTa ({error}); get it again") from error
    network, info = loaded
    wrong = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if wrong:
        raise DataError(f"{folder}: weights missing or misshapen: {', '.join(wrong[:3])}")
    return network


def tokenize(graph: SceneGraph, encoder: TextEncoder) -> Tokens:
    """The utterance's token ids, at most MOST_TOKENS; a longer one loses its end.

    The anchor's tokens and the special ones are always there, so that the last tokens of every
    sentence mean that nothing is mentioned.
    """
    tokenizer = encoder.tokenizer
    ids, offsets = _pieces(graph.utterance, tokenizer)
    anchor, anchor_offsets = _pieces(NOT_MENTIONED, tokenizer)
    kept = MOST_TOKENS - len(anchor) - 2
    end = len(graph.utterance)
    shifted = [(start + end, stop + end) for start, stop in anchor_offsets]
    return Tokens(
        graph,
        (tokenizer.bos_token_id, *ids[:kept], *anchor, tokenizer.eos_token_id),
        (SPECIAL_SPAN, *offsets[:kept], *shifted, SPECIAL_SPAN),
    )


def _pieces(text: str, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[Span]]:
    encoding = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    return encoding.ids, encoding.offsets


def encode(descriptions: Sequence[str], encoder: TextEncoder) -> TextFeatures:
    """The last hidden states of every sentence's tokens, zero at padding, with the token maps.

    All sentences are padded to the longest; none has more than MOST_TOKENS tokens.
    """
    sentences = [tokenize(graph, encoder) for graph in encoder.parser.parse(descriptions)]
    length = max((len(sentence.ids) for sentence in sentences), default=0)
    features = np.zeros((len(sentences), length, encoder.width), dtype=np.float32)
    ids, valid = padded([sentence.ids for sentence in sentences], length, encoder)
    for start in range(0, len(sentences), _BATCH):
        part = slice(start, start + _BATCH)
        with torch.inference_mode():
            features[part] = hidden_states(encoder.network, ids[part], valid[part]).cpu().numpy()
    maps = [token_maps(sentence.graph, sentence.offsets, length) for sentence in sentences]
    return TextFeatures(
        features=features,
        ids=ids.cpu().numpy(),
        valid=valid.cpu().numpy(),
        token_maps=np.stack(maps) if maps else np.zeros((0, 5, 0), dtype=np.float32),
    )


def padded(
    ids: Sequence[tuple[int, ...]], length: int, encoder: TextEncoder
) -> tuple[Int[Tensor, "expressions tokens"], Bool[Tensor, "expressions tokens"]]:
    """The sentences' ids in one tensor on the network's device, and which are no padding."""
    pad = encoder.tokenizer.pad_token_id
    rows = [[*sentence, *[pad] * (length - len(sentence))] for sentence in ids]
    table = torch.tensor(rows, dtype=torch.long, device=encoder.network.device)
    table = table.reshape(len(rows), length)
    lengths = torch.tensor([len(sentence) for sentence in ids], device=table.device)
    return table, torch.arange(length, device=table.device)[None, :] < lengths[:, None]


def hidden_states(
    network: RobertaModel,
    ids: Int[Tensor, "expressions tokens"],
    valid: Bool[Tensor, "expressions tokens"],
) -> Float[Tensor, "expressions tokens text_width"]:
    """The last hidden states, zero at padding."""
    output = network(input_ids=ids, attention_mask=valid.long())
    return output.last_hidden_state * valid[..., None]
