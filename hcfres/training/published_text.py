"""The text encoder that lies in a published checkpoint, held against the setting's own."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from transformers import RobertaConfig, RobertaModel

from hcfres.config.loading import ConfigError
from hcfres.config.setting import TextConfig
from hcfres.language.presets import TINY, TOKENIZER, folder_of, tiny_config
from hcfres.language.roberta import load_text, load_tokenizer
from hcfres.store.files import write_atomic
from hcfres.store.weights import SHIPPED

Shapes = dict[str, torch.Size]

_POOLER = "pooler."
OLD_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""Counters that older releases of transformers kept; what they hold is known."""
_BASE = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)


def shapes_of(network: nn.Module) -> Shapes:
    """Names and shapes of a network's parameters and buffers."""
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def is_dead_text(name: str) -> bool:
    """Whether a name of RoBERTa's stands for something that no token feature depends on."""
    return name.startswith(_POOLER) or name in OLD_BUFFERS


def text_shapes(config: TextConfig) -> Shapes:
    """Names and shapes of the encoder as the public code holds it: with its pooler."""
    shape = _BASE
    if config.model == "tiny":
        shape = tiny_config(len(load_tokenizer(SHIPPED / TINY / TOKENIZER)))
    with torch.device("meta"):
        return shapes_of(RobertaModel(shape, add_pooling_layer=True))


def text_hash(text: Mapping[str, Tensor]) -> str:
    """The sha256 of an encoder's weights, whatever file they come from.

    Args:
        text: by RoBERTa's own names; what no token feature depends on does not count.
    """
    whole = hashlib.sha256()
    for name in sorted(name for name in text if not is_dead_text(name)):
        whole.update(name.encode())
        whole.update(text[name].detach().cpu().float().contiguous().numpy().tobytes())
    return whole.hexdigest()


def text_difference(
    text: Mapping[str, Tensor], config: TextConfig, weights_root: Path
) -> float | None:
    """How far the checkpoint's encoder is from the setting's: the largest difference of a weight.

    Args:
        text: by RoBERTa's own names.

    Returns:
        None where the setting's own encoder is not on this machine.
    """
    try:
        own = load_text(config, weights_root).network.state_dict()
    except ConfigError:
        return None
    return max(float((own[name] - text[name].float()).abs().max()) for name in own)


def write_text(
    text: Mapping[str, Tensor], config: TextConfig, weights_root: Path, name: str
) -> TextConfig:
    """Put the checkpoint's encoder beside the setting's, with that one's tokenizer.

    Args:
        text: by RoBERTa's own names.
        name: of the new folder under `weights_root`.

    Returns:
        The configuration that means the new folder.
    """
    own, folder = folder_of(config, weights_root), weights_root / name
    for file in (TOKENIZER, "config.json"):
        write_atomic(folder / file, (own / file).read_bytes())
    kept = {n: t.float().contiguous() for n, t in text.items() if not is_dead_text(n)}
    write_atomic(folder / "model.safetensors", save(kept, metadata={"format": "pt"}))
    return config.model_copy(update={"weights": name})
