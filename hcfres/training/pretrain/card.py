"""Model cards: what a shipped network learnt from, how, and how good it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.store.files import write_atomic
from hcfres.training.pretrain.rooms import FRAMES

CARD = "card.md"


@dataclass(frozen=True)
class Figure:
    """One measured number, and the least that was asked of it."""

    name: str
    value: float
    target: float | None = None

    def line(self) -> str:
        """The figure's row."""
        if self.target is None:
            return f"| {self.name} | {self.value:.3f} | |"
        verdict = "reached" if self.value >= self.target else "**missed**"
        return f"| {self.name} | {self.value:.3f} | at least {self.target:g}: {verdict} |"


@dataclass(frozen=True)
class Card:
    """What the reader of a model card wants to know."""

    title: str
    encoder: str
    """As `hcfres pretrain` calls it."""
    architecture: str
    learnt_from: range
    """Seeds of rooms."""
    measured_on: range
    steps: int
    seed: int
    figures: Sequence[Figure]
    notes: Sequence[str] = ()

    def about(self) -> dict[str, str]:
        """The part of the card that goes into the weights file."""
        return {
            "rooms_version": str(ROOMS_VERSION),
            "rooms": _seeds(self.learnt_from),
            "steps": str(self.steps),
            "seed": str(self.seed),
            "command": self.command,
        }

    @property
    def command(self) -> str:
        """What makes these weights."""
        return f"hcfres pretrain {self.encoder} --steps {self.steps} --seed {self.seed}"

    def text(self) -> str:
        """The card in Markdown."""
        lines = [
            f"# {self.title}",
            "",
            self.architecture,
            "",
            f"- Data: synthetic rooms, version {ROOMS_VERSION}, {_seeds(self.learnt_from)}, "
            f"{FRAMES} pictures each. None of them is a training or validation room.",
            f"- Steps: {self.steps}; seed: {self.seed}; one CPU thread.",
            f"- Command: `{self.command}`",
            "- Licence: that of this package. The weights know synthetic rooms and nothing else.",
            "",
            f"Measured on rooms never trained on ({_seeds(self.measured_on)}):",
            "",
            "| figure | value | asked for |",
            "|---|---|---|",
            *(figure.line() for figure in self.figures),
            *(["", *self.notes] if self.notes else []),
        ]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """Write card.md into the folder."""
        write_atomic(folder / CARD, self.text().encode())


def _seeds(seeds: range) -> str:
    every = "" if seeds.step == 1 else f", every {seeds.step}th"
    return f"{len(seeds)} rooms of seeds {seeds[0]} to {seeds[-1]}{every}"
