"""Which RoBERTa a configuration means: its shape, and where its files lie."""

from pathlib import Path

from transformers import RobertaConfig

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig
from hcfres.store.weights import PACKAGE, RANDOM, SHIPPED

MOST_TOKENS = 256
"""Longest input in tokens, special ones and the anchor included; the utterance is cut to fit."""

PIECES = 800
"""Size of the tiny tokenizer's vocabulary."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""The special tokens, in the order of their numbers in the tiny vocabulary."""

TINY = "roberta_tiny"
TOKENIZER = "tokenizer.json"
_FILES = ("config.json", "model.safetensors", TOKENIZER)
_WIDTHS = {"tiny": 128, "base": 768}


def tiny_config(pieces: int = PIECES) -> RobertaConfig:
    """The embedded RoBERTa: 3 layers of width 128 over its own byte-level pieces."""
    return RobertaConfig(
        vocab_size=pieces,
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=MOST_TOKENS + 2,  # RoBERTa counts positions from the padding id on
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )


def width_of(model: str) -> int:
    """Width of a preset's features; an unknown preset is a ConfigError."""
    if model not in _WIDTHS:
        raise ConfigError(f"text model {model!r} is none of {', '.join(_WIDTHS)}")
    return _WIDTHS[model]


def random_seed(config: EncoderConfig) -> int | None:
    """SEED of `random:SEED`, None for weights that are files.

    Raises:
        ConfigError: SEED is no number, or the preset has no tokenizer of its own.
    """
    if not config.weights.startswith(RANDOM):
        return None
    seed = config.weights.removeprefix(RANDOM)
    if not seed.isdecimal():
        raise ConfigError(f"text weights {config.weights!r}: write {RANDOM}SEED, e.g. random:0")
    if config.model != "tiny":
        raise ConfigError(
            f"text weights {config.weights!r}: only `tiny` runs untrained, "
            f"because {config.model!r} has no tokenizer in the package"
        )
    return int(seed)


def folder_of(config: EncoderConfig, weights_dir: Path) -> Path:
    """The folder that holds the encoder's files; the package's own one for untrained weights.

    Raises:
        ConfigError: a file is missing; the message says which, and how to get it.
    """
    untrained = random_seed(config) is not None
    needed: tuple[str, ...] = (TOKENIZER,) if untrained else _FILES
    if untrained:
        folder = SHIPPED / TINY
    elif config.weights.startswith(PACKAGE):
        folder = SHIPPED / config.weights.removeprefix(PACKAGE)
    else:
        folder = weights_dir / config.weights
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ConfigError(_way_out(config, folder, missing))
    return folder


def _way_out(config: EncoderConfig, folder: Path, missing: list[str]) -> str:
    found = f"text weights {config.weights!r}: {folder} lacks {', '.join(missing)}"
    if config.weights.startswith((PACKAGE, RANDOM)):
        return f"{found}; run `hcfres pretrain text`, or install the package with its weights"
    return (
        f"{found}; download {', '.join(_FILES)} of `FacebookAI/roberta-base` from the Hugging Face "
        f"hub on a machine that may, and put them there (nothing is downloaded from here)"
    )
