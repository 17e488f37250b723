"""`python -m tests.faults --faults 50 --seed 0 --out FOLDER`: rounds of faults, a line each.

Ends with 1 if a round violates anything; its folder is kept, and the command that repeats it told.
"""

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path

from tests.faults.clocks import NONE_HERE as NO_COMPILER
from tests.faults.clocks import compiler
from tests.faults.faults import KINDS, Kind, draw
from tests.faults.reference import undisturbed
from tests.faults.rounds import Played, play
from tests.faults.stores import Stores
from tests.flows.postgres import NONE_HERE as NO_POSTGRES
from tests.flows.postgres import PostgresServer, programs, running


def main(arguments: Sequence[str] | None = None) -> int:
    """Play rounds until enough faults came about, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=50, help="how many are to come about")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first round; the next has one more"
    )
    parser.add_argument("--out", type=Path, required=True, help="where rounds are played")
    parser.add_argument("--minutes", type=float, default=inf, help="after which no round begins")
    parser.add_argument("--only", action="append", help="a kind of fault; several may be given")
    asked = parser.parse_args(arguments)
    kinds = available(asked.only or KINDS)
    with contextlib.ExitStack() as opened:
        stores = Stores(opened.enter_context(postgres()))
        reference = undisturbed(asked.out / "undisturbed")
        say(
            f"undisturbed: {', '.join(f'{s:.0f} s from {n}' for n, s in reference.seconds.items())}"
        )
        played: list[Played] = []
        until = time.monotonic() + 60.0 * asked.minutes
        while sum(len(one.done) for one in played) < asked.faults and time.monotonic() < until:
            seed = asked.seed + len(played)
            played.append(play(draw(seed, kinds), reference, stores, asked.out / f"round-{seed}"))
            tell(played[-1], asked.out)
    return conclude(played, asked.faults)


def available(kinds: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds that this machine can have; the others are told as not run."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise SystemExit(f"no such fault: {', '.join(unknown)}; there are: {', '.join(KINDS)}")
    lacking: dict[str, str] = {}
    if compiler() is None:
        lacking["clock"] = NO_COMPILER
    if programs() is None:
        lacking |= dict.fromkeys(("mlflow", "database"), NO_POSTGRES)
    for kind in kinds:
        if (why := lacking.get(kind.rpartition(" ")[2])) is not None:
            say(f"NOT RUN: {kind}: {why}")
    return tuple(kind for kind in KINDS if kind in kinds and kind.rpartition(" ")[2] not in lacking)


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer | None]:
    """A PostgreSQL for all rounds; None where there is none."""
    found = programs()
    if found is None:
        yield None
        return
    with running(found) as server:
        yield server


def tell(played: Played, out: Path) -> None:
    """Print a round, and how to repeat it where it failed."""
    say(played.line())
    if played.violations:
        say(f"  again: python -m tests.faults --faults 1 --seed {played.round.seed} --out {out}")


def conclude(played: Sequence[Played], wanted: int) -> int:
    """Print the count by kind and by verdict; 0 if all that were wanted did no harm."""
    done = Counter(fault.kind for one in played for fault in one.done)
    late = sum(len(one.met) for one in played) - done.total()
    for kind in KINDS:
        say(f"{done[kind]:4d}  {kind}")
    violated = sum(bool(one.violations) for one in played)
    rounds = f"{len(played)} rounds, of which {violated} violated something"
    say(f"{done.total():4d}  faults in {rounds}; {late} more came too late")
    if done.total() < wanted:
        say(f"NOT WHOLE: {wanted} faults were wanted, and --minutes ended it before")
    return 1 if violated or done.total() < wanted else 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
