"""How good a tiny RoBERTa is on sentences about rooms it never read of, and its model card."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import RobertaForMaskedLM

from hcfres.data.errors import DataError
from hcfres.data.rooms.seeds import EXAMINE, PRETRAIN, ROOMS_VERSION
from hcfres.language.corpus import Labelled, sentences
from hcfres.language.parsing.rules import RuleParser
from hcfres.language.presets import TOKENIZER
from hcfres.language.roberta import TextEncoder, load_tokenizer, padded, untrained
from hcfres.store.files import write_atomic

CARD = "card.md"
_BATCH = 64
_MASK_EVERY = 5
"""Every fifth token is hidden at a time, so that five passes hide each token once."""
_RIDGE = 1.0
_PROBE_SENTENCES = 6000


@dataclass(frozen=True)
class Quality:
    """Figures on rooms of the `examine` split, each between 0 and 1."""

    sentences: int
    """Number of sentences examined."""
    masked_accuracy: float
    """Share of hidden tokens that are guessed right, NOT_MENTIONED and the ends left out."""
    usual_accuracy: float
    """The same when every hidden token is guessed to be the most frequent one."""
    class_accuracy: float
    """Share of sentences whose target's class a linear probe of the mean feature finds."""
    class_untrained: float
    """The same with an untrained network."""
    colour_accuracy: float
    """Share of sentences telling the target's colour in which a linear probe finds it."""
    colour_untrained: float
    """The same with an untrained network."""


def measure(folder: Path, read: list[Labelled], seed: int, rooms: int) -> Quality:
    """The quality of the network in `folder`; the probes are fitted on the sentences it read.

    Raises:
        DataError: its files are damaged.
    """
    tokenizer = load_tokenizer(folder / TOKENIZER)
    network = _network(folder)
    examined = sentences("examine", rooms, seed)
    trained = TextEncoder(network.roberta, tokenizer, RuleParser())
    blank = TextEncoder(untrained(seed, len(tokenizer)).eval(), tokenizer, RuleParser())
    right, usual = _guesses(network, trained, examined)
    read = read[:_PROBE_SENTENCES]
    told = [[one for one in part if one.colour] for part in (read, examined)]
    figures = []
    for encoder in (trained, blank):
        figures.append(_probe(encoder, read, examined, "label"))
        figures.append(_probe(encoder, told[0], told[1], "colour"))
    return Quality(len(examined), right, usual, figures[0], figures[2], figures[1], figures[3])


def _network(folder: Path) -> RobertaForMaskedLM:
    try:
        return RobertaForMaskedLM.from_pretrained(folder, local_files_only=True).eval()
    except Exception as error:  # transformers and safetensors raise many kinds
        found = (str(error).splitlines() or [type(error).__name__])[0][:300]
        reason = f"not a readable RoBERTa ({found})"
        raise DataError(folder, reason, "Remove the folder to train anew") from error


@torch.inference_mode()
def _guesses(
    network: RobertaForMaskedLM, encoder: TextEncoder, texts: list[Labelled]
) -> tuple[float, float]:
    """Shares of hidden tokens guessed right by the network and by the most frequent token."""
    tokenizer, tail = encoder.tokenizer, 4  # ` .`, ` not`, ` mentioned`, the end
    right, every = 0, []
    for start in range(0, len(texts), _BATCH):
        ids = [tuple(tokenizer(one.text)["input_ids"]) for one in texts[start : start + _BATCH]]
        table, valid = padded(ids, max(map(len, ids)), encoder)
        inner = torch.zeros_like(valid)
        for row, sentence in zip(inner, ids, strict=True):
            row[1 : len(sentence) - tail] = True
        for turn in range(_MASK_EVERY):
            hidden = inner & (torch.arange(table.shape[1]) % _MASK_EVERY == turn)
            shown = torch.where(hidden, tokenizer.mask_token_id, table)
            guess = network(input_ids=shown, attention_mask=valid.long()).logits.argmax(dim=-1)
            right += int((guess == table)[hidden].sum())
            every += table[hidden].tolist()
    counts = np.bincount(every)
    return right / len(every), float(counts.max() / len(every))


def _probe(
    encoder: TextEncoder, fitted: list[Labelled], examined: list[Labelled], what: str
) -> float:
    """Share of examined sentences whose `what` ridge regression on the mean features finds."""
    names = sorted({getattr(one, what) for one in fitted})
    number = {name: place for place, name in enumerate(names)}
    x, y = _means(encoder, fitted), [number[getattr(one, what)] for one in fitted]
    centre = x.mean(dim=0)
    x, wanted = x - centre, torch.eye(len(names))[torch.tensor(y)]
    shift = wanted.mean(dim=0)
    inverse = x.T @ x + _RIDGE * torch.eye(x.shape[1])
    weights = torch.linalg.solve(inverse, x.T @ (wanted - shift))
    guess = ((_means(encoder, examined) - centre) @ weights + shift).argmax(dim=1)
    found = [names[place] == getattr(one, what) for place, one in zip(guess, examined, strict=True)]
    return float(np.mean(found))


@torch.inference_mode()
def _means(encoder: TextEncoder, texts: list[Labelled]) -> Float[Tensor, "sentences text_width"]:
    """The mean feature of each sentence's tokens."""
    means = []
    for start in range(0, len(texts), _BATCH):
        part = texts[start : start + _BATCH]
        ids = [tuple(encoder.tokenizer(one.text)["input_ids"]) for one in part]
        table, valid = padded(ids, max(map(len, ids)), encoder)
        hidden = encoder.network(input_ids=table, attention_mask=valid.long()).last_hidden_state
        weights = valid[..., None] / valid.sum(dim=1)[:, None, None]
        means.append((hidden * weights).sum(dim=1))
    return torch.cat(means)


def is_card_of(folder: Path, steps: int, seed: int, rooms: int) -> bool:
    """Whether the folder's card tells of this training, whatever the quality was."""
    told = (folder / CARD).read_bytes()
    return told.startswith(_training(steps, seed, rooms).encode())


def write_card(folder: Path, quality: Quality, steps: int, seed: int, rooms: int) -> None:
    """Write `card.md`: what the network is, what it read, how it was made and how good it is."""
    told = _training(steps, seed, rooms) + _figures(quality)
    write_atomic(folder / CARD, told.encode())


def _training(steps: int, seed: int, rooms: int) -> str:
    return f"""# roberta_tiny

`transformers.RobertaForMaskedLM`, 3 layers of width 128, 4 heads, with its own byte-level BPE
tokenizer (lower case). A text encoder for the `rooms` setting; it knows the words of the
synthetic rooms' grammar and hardly any other.

- Data: sentences about {rooms} synthetic rooms (rooms version {ROOMS_VERSION}), seeds
  {PRETRAIN.start} to {PRETRAIN[rooms - 1]}; no training or validation room is among them.
- Task: guess the hidden 20 % of the tokens (masked language model); besides, tell which of the
  five token maps each token belongs to, as the rule-based parser has it, and, from the mean of the
  token features, which class and colour the sentence asks for; 64 sentences a step.
- Steps: {steps}; seed: {seed}.
- Command: `hcfres pretrain text --steps {steps} --seed {seed}`
"""


def _figures(quality: Quality) -> str:
    return f"""
Quality on {quality.sentences} sentences about rooms never read of (seeds from {EXAMINE.start} on);
the probes are linear and read the mean of a sentence's token features (pre-training asks for the
same two things, so they tell that it carries over to other rooms, not that it came for free):

| figure | trained | for comparison |
|---|---|---|
| hidden tokens guessed right | {quality.masked_accuracy:.3f} | {quality.usual_accuracy:.3f} (a) |
| target's class by a probe | {quality.class_accuracy:.3f} | {quality.class_untrained:.3f} (b) |
| target's colour by a probe | {quality.colour_accuracy:.3f} | {quality.colour_untrained:.3f} (b) |

(a) always the most frequent token; (b) the same probe on an untrained network.
"""
