"""What can go wrong, and rounds of it drawn by a seed."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "kill launcher",
    "terminate launcher",
    "interrupt launcher",
    "kill worker",
    "terminate worker",
    "kill prefect",
    "terminate prefect",
    "kill mlflow",
    "terminate mlflow",
    "kill database",
    "terminate database",
    "fill disk",
    "corrupt stage",
    "corrupt checkpoint",
    "corrupt best",
    "corrupt journal",
    "corrupt entries",
    "corrupt room",
    "corrupt done",
    "corrupt results",
    "corrupt predictions",
    "corrupt note",
    "shift clock",
]
"""`kill` is SIGKILL, `terminate` SIGTERM, `interrupt` what Ctrl-C does."""
KINDS: tuple[Kind, ...] = get_args(Kind)
StoreKind = Literal["embedded", "server", "postgresql"]
Start = Literal["nothing", "stages"]

_COUNTS = (1, 2, 3, 3, 4, 4)
_MILESTONES: dict[str, tuple[str, ...]] = {
    "a room": ("data/*/made/*.json",),
    "a stage": ("store/[a-z]*/*/config.toml",),
    "an epoch": ("cells/*/checkpoint/state.safetensors",),
    "a best epoch": ("cells/*/best_held_out/weights.safetensors",),
    "what was read": ("cells/*/entries.json",),
    "the weights": ("cells/*/weights.safetensors",),
    "a finished cell": ("cells/*/DONE.json",),
    "a run": ("cells/*/mlflow.json", "stages/*/mlflow.json", "grids/*/mlflow.json"),
    "all logged": ("cells/*/LOGGED", "grids/*/LOGGED"),
}

_FINISHED = (0.4, 0.9, "a finished cell", 2.0)
_UPON: dict[Kind, tuple[float, float, str, float]] = {
    "corrupt done": _FINISHED,
    "corrupt results": _FINISHED,
    "corrupt predictions": _FINISHED,
    "corrupt checkpoint": (0.1, 0.5, "an epoch", 1.0),
    "corrupt journal": (0.1, 0.5, "an epoch", 1.0),
    "corrupt best": (0.1, 0.5, "a best epoch", 1.0),
    "corrupt entries": (0.1, 0.5, "what was read", 0.1),
    "corrupt note": (0.1, 0.9, "a run", 1.0),
}
"""The shares between which a kind comes, what there has to be for it, and how long after at most.

What was read is written down as the training of so short a cell ends.
"""


@dataclass(frozen=True)
class Moment:
    """When a fault comes: after a share of the undisturbed time, or upon something on the disk."""

    share: float
    """Of the time that the undisturbed grid takes, counted while the grid runs."""
    upon: str = ""
    """Something that appears or changes, of those in `patterns`; empty: the share alone counts."""
    jitter_s: float = 0.0
    """After it."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Where to look for it in a workspace."""
        return _MILESTONES[self.upon] if self.upon else ()

    def __str__(self) -> str:
        if self.upon:
            return f"{self.jitter_s:.2f} s after {self.upon}, from {self.share:.2f} on"
        return f"at {self.share:.2f}"


@dataclass(frozen=True)
class Fault:
    """One fault of a round."""

    kind: Kind
    moment: Moment
    number: int
    """Chooses among victims: the process, the file and its byte, how long a server is away."""

    def __str__(self) -> str:
        return f"{self.kind} {self.moment}"


@dataclass(frozen=True)
class Round:
    """A grid, where it starts from, where it is tracked, and what happens to it."""

    seed: int
    start: Start
    """With nothing on the disk, or with rooms and stages made."""
    store: StoreKind
    faults: tuple[Fault, ...]
    """In the order of their moments."""

    def __str__(self) -> str:
        told = "; ".join(str(fault) for fault in self.faults)
        return f"seed {self.seed}, from {self.start}, {self.store}: {told}"


def draw(seed: int, kinds: Collection[Kind] = KINDS) -> Round:
    """Draw a round: everything about it follows from the seed and the kinds.

    Args:
        seed: of the round.
        kinds: those that this machine can have.
    """
    rng = random.Random(seed)
    start: Start = rng.choice(("nothing", "stages"))
    count = rng.choice(_COUNTS)
    known = sorted(kinds)
    first = rng.choice(known)
    store = _store_for(first, kinds, rng)
    suiting = [kind for kind in known if _suits(kind, store)]
    chosen = [first, *(rng.choice(suiting) for _ in range(count - 1))]
    faults = [Fault(kind, _moment(kind, start, rng), rng.randrange(1 << 30)) for kind in chosen]
    return Round(seed, start, store, tuple(sorted(faults, key=lambda fault: fault.moment.share)))


def _store_for(kind: Kind, kinds: Collection[Kind], rng: random.Random) -> StoreKind:
    """A store that can have the fault."""
    there = {"server": "kill mlflow" in kinds, "postgresql": "kill database" in kinds}
    stores: list[StoreKind] = [
        "embedded",
        *(name for name in ("server", "postgresql") if there[name]),
    ]
    return rng.choice([store for store in stores if _suits(kind, store)])


def _suits(kind: Kind, store: StoreKind) -> bool:
    if "mlflow" in kind:
        return store == "server"
    return "database" not in kind or store != "embedded"


def _moment(kind: Kind, start: Start, rng: random.Random) -> Moment:
    if kind in _UPON:
        low, high, upon, longest_s = _UPON[kind]
        return Moment(rng.uniform(low, high), upon, rng.uniform(0.0, longest_s))
    share = rng.uniform(0.05, 0.95)
    if rng.random() < 0.5:
        return Moment(share)
    late = [name for name in _MILESTONES if start == "nothing" or name not in ("a room", "a stage")]
    return Moment(share / 2, rng.choice(late), rng.uniform(0.0, 0.3))
