"""One round: a grid, its faults, and the same command once more."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.clocks import Clock
from tests.faults.disks import Disk, SmallDisk, SmallFiles, small_disk
from tests.faults.faults import Fault, Round
from tests.faults.grid import Hangs, Launcher, end_all
from tests.faults.ground import Ground
from tests.faults.injection import inject
from tests.faults.reference import Reference
from tests.faults.stores import Stores
from tests.faults.verdict import judge
from tests.faults.watch import Watch


@dataclass(frozen=True)
class Played:
    """A round that is over."""

    round: Round
    met: tuple[tuple[Fault, str | None], ...]
    """What each fault did; None where it came too late."""
    codes: tuple[int, ...]
    """With which the launchers ended."""
    tracebacks: int
    """That a user saw."""
    seconds: float
    violations: tuple[str, ...]

    @property
    def done(self) -> tuple[Fault, ...]:
        """The faults that came about."""
        return tuple(fault for fault, what in self.met if what is not None)

    def line(self) -> str:
        """All of it in a line."""
        faults = "; ".join(f"{fault} ({what or 'too late'})" for fault, what in self.met)
        codes = " ".join(map(str, self.codes))
        seen = f", {self.tracebacks} tracebacks" if self.tracebacks else ""
        verdict = "ok" if not self.violations else f"VIOLATED: {'; '.join(self.violations)}"
        begin = f"seed {self.round.seed}, from {self.round.start}, {self.round.store}"
        return f"{begin}: {faults}: {self.seconds:.0f} s, exit codes {codes}{seen}: {verdict}"


def play(drawn: Round, reference: Reference, stores: Stores, folder: Path) -> Played:
    """Play a round in an empty folder, which is kept when something is violated."""
    shutil.rmtree(folder, ignore_errors=True)
    began, met = time.monotonic(), []
    with _ground(drawn, reference, stores, folder) as ground:
        watch = Watch(ground.workspace)
        watch.start()
        try:
            ground.launcher.start()
            for fault in drawn.faults:
                met.append((fault, inject(fault, ground)))
            _finish(ground)
            watch.end()
            ground.violations += judge(ground, reference, watch)
        except Hangs as error:
            ground.violations.append(str(error))
        finally:
            watch.end()
            end_all(ground.workspace)
        if ground.violations and not ground.workspace.is_relative_to(folder / "kept"):
            shutil.copytree(ground.workspace, folder / "kept", dirs_exist_ok=True)
    log = shutil.copyfile(folder / "output.log", folder.with_suffix(".log"))
    output = log.read_text(errors="replace")
    played = Played(
        drawn,
        tuple(met),
        tuple(ground.codes),
        output.count("Traceback (most recent call last)"),
        time.monotonic() - began,
        tuple(ground.violations),
    )
    if not played.violations:
        shutil.rmtree(folder)
    return played


@contextlib.contextmanager
def _ground(drawn: Round, reference: Reference, stores: Stores, folder: Path) -> Iterator[Ground]:
    """Everything that a round's faults need, and its launcher, not started."""
    kinds = {fault.kind for fault in drawn.faults}
    with contextlib.ExitStack() as opened:
        place = folder / "disk"
        mounted = "fill disk" in kinds and opened.enter_context(small_disk(place))
        workspace = place / "workspace"
        reference.prepare(drawn.start, workspace)
        disk: Disk = SmallDisk(place) if mounted else SmallFiles(workspace)
        store = opened.enter_context(stores.open(drawn.store, folder / "mlflow"))
        clock = Clock(folder) if "shift clock" in kinds else None
        more = clock.environment() if clock else {}
        launcher = Launcher(workspace, folder / "output.log", store.address, more)
        yield Ground(launcher, store, disk, clock, reference.seconds[drawn.start])


def _finish(ground: Ground) -> None:
    """Let the last launcher end, and run the plain command once more."""
    if ground.launcher.process is not None:
        ground.codes.append(ground.launcher.wait())
    if ground.clock is not None:
        ground.clock.shift(0)
    ground.launcher.start()
    ground.codes.append(ground.launcher.wait())
    if ground.codes[-1] != 0:
        told = ground.launcher.output()[-3000:]
        ground.violations.append(f"the plain run ended with {ground.codes[-1]}:\n{told}")
