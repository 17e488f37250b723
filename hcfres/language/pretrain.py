"""Pre-training of the tiny RoBERTa on sentences about rooms.

It learns to guess hidden tokens, and further to tell what each token speaks of (the token maps)
and, from the mean of its features, which class and colour the sentence asks for: in minutes, a
network this small does not learn to keep these from the hidden tokens alone.
Every step's sentences and masks are drawn from the seed and the step's number alone, so that a
resumed run gives the weights of an uninterrupted one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, RobertaForMaskedLM

from hcfres.data.batch import TOKEN_MAPS
from hcfres.data.errors import DataError
from hcfres.data.rooms.catalogue import LABELS
from hcfres.data.rooms.words import COLOURS as COLOUR_WORDS
from hcfres.language.corpus import Labelled, sentences, train_tokenizer
from hcfres.language.presets import TOKENIZER, tiny_config
from hcfres.language.pretrain_state import CHECKPOINT, Identity, is_kept, resume, save, told
from hcfres.language.quality import CARD, Quality, is_card_of, measure, write_card
from hcfres.language.roberta import load_tokenizer
from hcfres.language.token_maps import token_maps

Report = Callable[[int, int, float], None]
"""Told the steps done, all steps, and the mean loss since it was told last."""

_BATCH = 64
_RATE = 1.5e-3
_WARM_UP = 0.06
_DECAY = 0.01
_CLIP = 1.0
_MASKED = 0.2
"""Share of the tokens to be guessed: 80 % of them hidden, 10 % swapped, 10 % as they are."""
_COPY_WEIGHT = 0.1
"""Of guessing the tokens that are not hidden."""
COLOURS = tuple(COLOUR_WORDS)
_ROLE_WEIGHT = 0.5
_ASKED_WEIGHT = 0.25
"""Of the class, and of the colour."""
_EVERY = 100
"""Steps between two reports, and two checkpoints."""
_NETWORK = "config.json", "model.safetensors"
_IGNORED = -100
ROOMS = 700
"""Pre-training rooms whose sentences are read."""
EXAMINED = 60
"""Other rooms whose sentences tell the quality."""


class Pupil(nn.Module):
    """The network with its heads; only the one that guesses tokens is kept."""

    def __init__(self, seed: int, pieces: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = RobertaForMaskedLM(tiny_config(pieces))
            width = self.network.config.hidden_size
            self.roles = nn.Linear(width, len(TOKEN_MAPS) + 1)
            self.classes = nn.Linear(width, len(LABELS))
            self.colours = nn.Linear(width, len(COLOURS))


@dataclass(frozen=True)
class Corpus:
    """Tokenised sentences, padded."""

    ids: Int[Tensor, "sentences tokens"]
    roles: Int[Tensor, "sentences tokens"]
    """0 for none, else 1 + the row of TOKEN_MAPS the token belongs to most; -100 at padding."""
    lengths: Int[Tensor, " sentences"]
    classes: Int[Tensor, " sentences"]
    """Index into LABELS of the class that is asked for."""
    colours: Int[Tensor, " sentences"]
    """Index into COLOURS of the colour that is asked for; -100 where none is."""
    tokenizer: PreTrainedTokenizerFast


def pretrain_text(
    folder: Path,
    steps: int,
    seed: int,
    report: Report | None = None,
    *,
    rooms: int = ROOMS,
    examined: int = EXAMINED,
) -> Quality:
    """Write a trained tiny RoBERTa into `folder`: model, config, tokenizer and card.

    A run that was stopped continues from `folder`'s checkpoint; one that has ended is not repeated,
    but examined again. The checkpoint goes last, when the card tells what the weights are.

    Args:
        steps: of 64 sentences each.
        report: called now and then with the progress.
        rooms: number of pre-training rooms that are read.
        examined: number of rooms, never read of, that tell the quality.

    Returns:
        The quality on rooms that pre-training never showed.

    Raises:
        DataError: the folder's checkpoint is damaged, or it or the card is of another training.
        StoreError: the disk is full or refuses.
    """
    identity = {"steps": steps, "seed": seed, "rooms": rooms}
    ended = _has_ended(folder, identity)
    texts = sentences("pretrain", rooms, seed)
    if not ended:
        _learn(folder, texts, identity, report)
    quality = measure(folder, texts, seed, examined)
    write_card(folder, quality, steps, seed, rooms)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return quality


def _has_ended(folder: Path, identity: Identity) -> bool:
    """Whether the folder holds what this training ends with; another's is refused."""
    if not (folder / CARD).is_file():
        return False
    if not is_card_of(folder, **identity):
        reason = f"the weights here are of another training than that of {told(identity)}"
        way_out = "Remove the folder to train anew, or name another"
        raise DataError(folder / CARD, reason, way_out)
    return all((folder / name).is_file() for name in (TOKENIZER, *_NETWORK))


def _learn(folder: Path, texts: list[Labelled], identity: Identity, report: Report | None) -> None:
    """Write the trained network, from the folder's checkpoint where there is one."""
    if not (is_kept(folder, identity) and (folder / TOKENIZER).is_file()):
        train_tokenizer((labelled.text for labelled in texts), folder / TOKENIZER)
    corpus = tokenised(texts, load_tokenizer(folder / TOKENIZER))
    pupil = Pupil(identity["seed"], len(corpus.tokenizer))
    _train(pupil, corpus, folder, identity, report)
    pupil.network.eval().save_pretrained(folder)


def tokenised(texts: list[Labelled], tokenizer: PreTrainedTokenizerFast) -> Corpus:
    """The sentences as ids, with the roles that the parser gives their tokens."""
    table = tokenizer(
        [labelled.text for labelled in texts],
        padding=True,
        return_tensors="pt",
        return_offsets_mapping=True,
    )
    offsets = table["offset_mapping"].tolist()
    roles = [_roles(labelled, spans) for labelled, spans in zip(texts, offsets, strict=True)]
    valid = table["attention_mask"].bool()
    told = torch.from_numpy(np.stack(roles)).masked_fill(~valid, _IGNORED)
    return Corpus(
        ids=table["input_ids"],
        roles=told,
        lengths=valid.sum(dim=1),
        classes=torch.tensor([LABELS.index(one.label) for one in texts]),
        colours=torch.tensor(
            [COLOURS.index(one.colour) if one.colour else _IGNORED for one in texts]
        ),
        tokenizer=tokenizer,
    )


def _roles(labelled: Labelled, offsets: list[list[int]]) -> Int[np.ndarray, " tokens"]:
    spans = [(start, end) for start, end in offsets]
    maps = token_maps(labelled.graph, spans, len(spans))
    return np.where(maps.max(axis=0) > 0, 1 + maps.argmax(axis=0), 0)


def _train(
    pupil: Pupil,
    corpus: Corpus,
    folder: Path,
    identity: Identity,
    report: Report | None,
) -> None:
    steps = identity["steps"]
    optimiser = torch.optim.AdamW(pupil.parameters(), lr=_RATE, weight_decay=_DECAY)
    start = resume(folder, identity, pupil, optimiser)
    pupil.train()
    losses: list[float] = []
    for step in range(start, steps):
        losses.append(_step(pupil, optimiser, corpus, step, identity))
        if (step + 1) % _EVERY and step + 1 < steps:
            continue
        save(folder, identity, step + 1, pupil, optimiser)
        if report is not None:
            report(step + 1, steps, sum(losses) / len(losses))
        losses.clear()


def _step(
    pupil: Pupil,
    optimiser: torch.optim.Optimizer,
    corpus: Corpus,
    step: int,
    identity: Identity,
) -> float:
    """One step; its batch, masks and dropout depend on the seed and its number only."""
    dice = torch.Generator().manual_seed(1_000_003 * identity["seed"] + step)
    torch.manual_seed(1_000_003 * identity["seed"] + step)  # dropout has no generator of its own
    rows = torch.randint(len(corpus.ids), (_BATCH,), generator=dice)
    ids = corpus.ids[rows, : int(corpus.lengths[rows].max())]
    valid = torch.arange(ids.shape[1]) < corpus.lengths[rows, None]
    shown, wanted = hide(ids, valid, corpus.tokenizer, dice)
    for group in optimiser.param_groups:
        group["lr"] = _RATE * schedule(step / identity["steps"])
    hidden = pupil.network.roberta(input_ids=shown, attention_mask=valid.long()).last_hidden_state
    logits = pupil.network.lm_head(hidden)
    kept = ids.masked_fill((wanted != _IGNORED) | ~valid, _IGNORED)
    loss = _error(logits, wanted) + _COPY_WEIGHT * _error(logits, kept)
    loss = loss + _ROLE_WEIGHT * _error(pupil.roles(hidden), corpus.roles[rows, : ids.shape[1]])
    mean = (hidden * valid[..., None]).sum(dim=1) / valid.sum(dim=1, keepdim=True)
    for head, asked in ((pupil.classes, corpus.classes), (pupil.colours, corpus.colours)):
        loss = loss + _ASKED_WEIGHT * _error(head(mean), asked[rows])
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(pupil.parameters(), _CLIP)
    optimiser.step()
    return float(loss.detach())


def _error(
    logits: Float[Tensor, "*places choices"], wanted: Int[Tensor, "*places"]
) -> Float[Tensor, ""]:
    """The mean cross entropy where something is wanted, 0 where nothing is."""
    every = F.cross_entropy(
        logits.flatten(0, -2), wanted.flatten(), ignore_index=_IGNORED, reduction="sum"
    )
    return every / (wanted != _IGNORED).sum().clamp(min=1)


def schedule(done: float) -> float:
    """The learning rate as a share of its peak: a linear rise, then a half cosine down to zero."""
    if done < _WARM_UP:
        return done / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))


def hide(
    ids: Int[Tensor, "sentences tokens"],
    valid: Bool[Tensor, "sentences tokens"],
    tokenizer: PreTrainedTokenizerFast,
    dice: torch.Generator,
) -> tuple[Int[Tensor, "sentences tokens"], Int[Tensor, "sentences tokens"]]:
    """The ids with some hidden or swapped, and what is to be guessed (-100 elsewhere).

    The first and the last token are never touched; each sentence has at least one to guess.
    """
    inner = valid & (ids != tokenizer.bos_token_id) & (ids != tokenizer.eos_token_id)
    chance = torch.rand(ids.shape, generator=dice).masked_fill(~inner, 2.0)
    chosen = (chance < _MASKED) | (chance == chance.min(dim=1, keepdim=True).values)
    chosen &= inner
    fate = torch.rand(ids.shape, generator=dice)
    other = torch.randint(5, len(tokenizer), ids.shape, generator=dice)
    shown = torch.where(chosen & (fate < 0.8), tokenizer.mask_token_id, ids)
    shown = torch.where(chosen & (fate >= 0.9), other, shown)
    return shown, torch.where(chosen, ids, _IGNORED)
