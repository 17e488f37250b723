"""Sentences about rooms, for pre-training the tiny RoBERTa and for measuring it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from hcfres.data.expression import Expression
from hcfres.data.rooms.expressions import make_expressions, make_scanrefer
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.seeds import EXAMINE, PRETRAIN, Split, scene_id
from hcfres.language.parsing.graph import SceneGraph
from hcfres.language.parsing.rules import parse
from hcfres.language.presets import PIECES, SPECIAL
from hcfres.language.token_maps import NOT_MENTIONED

_MULTI, _SINGLE = 24, 8
"""Sentences a room, Multi3DRefer's and ScanRefer's."""


@dataclass(frozen=True)
class Labelled:
    """A sentence and what it says of its target."""

    graph: SceneGraph
    label: str
    """The target's class."""
    colour: str
    """The colour word said of the target; empty where none is."""

    @property
    def text(self) -> str:
        """The utterance as the network reads it, NOT_MENTIONED after it."""
        return self.graph.utterance + NOT_MENTIONED


def sentences(split: Split, rooms: int, seed: int) -> list[Labelled]:
    """The sentences of the first rooms of a split, the same for the same arguments."""
    ranges: dict[Split, range] = {"pretrain": PRETRAIN, "examine": EXAMINE}
    if split not in ranges or rooms > len(ranges[split]):
        raise ValueError(f"{rooms} rooms of {split!r}: only the pre-training splits serve here")
    found: list[Labelled] = []
    for number in ranges[split][:rooms]:
        room = make_room(number, scene_id(number))
        told = make_expressions(room, _MULTI, seed, split)
        told += make_scanrefer(room, _SINGLE, seed, split)
        found += [_labelled(expression) for expression in told]
    return found


def _labelled(expression: Expression) -> Labelled:
    graph = parse(expression.description)
    words = [graph.utterance[start:end] for start, end in graph.attributes]
    colours = [_COLOUR_OF[word] for word in words if word in _COLOUR_OF]
    colour = colours[0] if expression.color and len(colours) == 1 else ""
    return Labelled(graph, expression.object_name.replace("_", " "), colour)


_COLOUR_OF = {
    "white": "white", "black": "black", "gray": "gray", "grey": "gray", "red": "red",
    "green": "green", "blue": "blue", "yellow": "yellow", "orange": "orange", "brown": "brown",
    "purple": "purple", "violet": "purple", "pink": "pink",
}  # fmt: skip


def train_tokenizer(texts: Iterable[str], path: Path) -> None:
    """Learn a byte-level BPE of PIECES pieces, lower case, and write it as a tokenizer.json."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=PIECES,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos, _, eos, _, _ = SPECIAL
    tokenizer.post_processor = processors.RobertaProcessing(
        (eos, SPECIAL.index(eos)),
        (bos, SPECIAL.index(bos)),
        trim_offsets=True,
        add_prefix_space=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
