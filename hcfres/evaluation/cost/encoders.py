"""The frozen encoders of a setting: with their weights where those are at hand, else untrained.

How long a network takes does not depend on its weights, but for what follows from what it says:
untrained, SAM passes other masks to its filters.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from open_clip.model import CLIP
from segment_anything.modeling import Sam
from torch import nn
from transformers import RobertaConfig, RobertaModel

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig, TextConfig
from hcfres.language.parsing.registry import load_parser
from hcfres.language.presets import TINY, TOKENIZER
from hcfres.language.roberta import TextEncoder, load_text, load_tokenizer
from hcfres.semantics.clip import load_clip
from hcfres.semantics.sam import load_sam
from hcfres.semantics.weights import weights_path
from hcfres.store.weights import RANDOM, SHIPPED

UNTRAINED = f"{RANDOM}0"
_BASE = RobertaConfig(
    vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
)
"""RoBERTa-base: 12 layers of width 768."""

E = TypeVar("E")


@dataclass(frozen=True)
class AtHand(Generic[E]):
    """An encoder, and whether its weights are its own."""

    encoder: E
    model: str
    trained: bool

    @property
    def said(self) -> str:
        """Name it for a table."""
        return self.model if self.trained else f"{self.model}, random weights"


def sam_at_hand(config: EncoderConfig, weights_root: Path) -> AtHand[Sam]:
    """SAM of a setting."""
    usable, trained = _usable(config, weights_root)
    return AtHand(load_sam(usable, weights_root), config.model, trained)


def clip_at_hand(config: EncoderConfig, weights_root: Path, square: bool = False) -> AtHand[CLIP]:
    """CLIP of a setting; `square`: with its own grid instead of the frames' shape."""
    usable, trained = _usable(config, weights_root)
    return AtHand(load_clip(usable, weights_root, square), config.model, trained)


def text_at_hand(config: TextConfig, weights_root: Path) -> AtHand[TextEncoder]:
    """RoBERTa of a setting; an untrained `base` reads the tokens of the package's tokenizer,
    which cuts sentences into more pieces than its own."""
    try:
        return AtHand(load_text(config, weights_root), config.model, _is_trained(config))
    except ConfigError:
        if config.model != "base":
            raise
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = RobertaModel(_BASE, add_pooling_layer=False)
    tokenizer = load_tokenizer(SHIPPED / TINY / TOKENIZER)
    parser = load_parser(config.parser, weights_root)
    encoder = TextEncoder(network.eval().requires_grad_(False), tokenizer, parser)
    return AtHand(encoder, config.model, False)


def pooler_size(text: TextEncoder) -> int:
    """Parameters of the pooler that public RoBERTas have, that the ancestors own and never use."""
    return text.width * text.width + text.width


def size_of(network: nn.Module) -> int:
    """Count parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def _usable(config: EncoderConfig, weights_root: Path) -> tuple[EncoderConfig, bool]:
    try:
        weights_path(config.weights, weights_root)
    except ConfigError:
        return config.model_copy(update={"weights": UNTRAINED}), False
    return config, _is_trained(config)


def _is_trained(config: EncoderConfig) -> bool:
    return not config.weights.startswith(RANDOM)
