"""How each kind of fault is done to a running grid."""

import contextlib
import random
import signal
import time
from collections.abc import Callable

import psutil

from tests.faults.damage import HEALED, RETRAINED, cell_of, corrupt
from tests.faults.disks import refused_in
from tests.faults.faults import Fault
from tests.faults.ground import Ground
from tests.faults.victims import Role, with_role

_LOOK_EVERY_S = 0.05
_FULL_S = 15.0
_AWAY_S = (1, 6)
_SHIFTS_S = (-30 * 86_400, -7_200, -90, 90, 7_200, 30 * 86_400)
_SIGNALS = {
    "kill": signal.SIGKILL,
    "terminate": signal.SIGTERM,
    "interrupt": signal.SIGINT,
}


def inject(fault: Fault, ground: Ground) -> str | None:
    """Wait for a fault's moment and do it.

    Returns:
        What it met; None where it came too late: the grid was done, there was no victim, or
        nothing was written to the disk while it was full.
    """
    what, _, whose = fault.kind.partition(" ")
    reached = ground.reaches(fault.moment)
    if what == "corrupt":
        return _corrupt(fault, ground)
    if not reached:
        return None
    if what in _SIGNALS:
        return _VICTIMS[whose](fault, ground, _SIGNALS[what])
    return _fill(fault, ground) if what == "fill" else _shift(fault, ground)


def _launcher(fault: Fault, ground: Ground, how: signal.Signals) -> str | None:
    if how == signal.SIGKILL:
        met: str | None = ground.kill(patiently=fault.number % 2 == 0)
    else:
        met = ground.interrupt(how)
    if met is not None:
        ground.launcher.start()
    return met


def _process(role: Role) -> Callable[[Fault, Ground, signal.Signals], str | None]:
    def done(fault: Fault, ground: Ground, how: signal.Signals) -> str | None:
        while ground.goes_on():
            if found := with_role(role, ground.workspace):
                victim = found[fault.number % len(found)]
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.send_signal(how)
                    return f"{role} {victim.pid}, one of {len(found)}"
            time.sleep(_LOOK_EVERY_S)
        return None

    return done


def _mlflow(fault: Fault, ground: Ground, how: signal.Signals) -> str:
    assert ground.store.mlflow is not None
    return _away(ground.store.mlflow, fault, how)


def _database(fault: Fault, ground: Ground, how: signal.Signals) -> str:
    assert ground.store.database is not None
    return _away(ground.store.database, fault, how)


def _away(service, fault: Fault, how: signal.Signals) -> str:
    began = time.monotonic()
    service.take(how)
    time.sleep(random.Random(fault.number).uniform(*_AWAY_S))
    service.bring()
    return f"away for {time.monotonic() - began:.1f} s"


def _fill(_: Fault, ground: Ground) -> str | None:
    before = len(ground.launcher.output())
    met, began = ground.disk.fill(), time.monotonic()
    try:
        while ground.launcher.runs and time.monotonic() < began + _FULL_S:
            time.sleep(_LOOK_EVERY_S)
    finally:
        ground.disk.free()
    if not refused_in(ground.launcher.output()[before:]):
        return None
    return f"{met} for {time.monotonic() - began:.0f} s"


def _shift(fault: Fault, ground: Ground) -> str:
    assert ground.clock is not None
    seconds = random.Random(fault.number).choice(_SHIFTS_S)
    ground.clock.shift(seconds)
    return f"by {seconds:+d} s"


def _corrupt(fault: Fault, ground: Ground) -> str | None:
    """Damage a file while nobody runs: the launcher is killed for it, where there is one."""
    if ground.launcher.runs:
        ground.kill(patiently=True)
    path = corrupt(fault.kind, ground.workspace, fault.number)
    ground.launcher.start()
    if path is None:
        return None
    if fault.kind in HEALED:
        ground.healed[cell_of(path, ground.workspace)] += 1
    if fault.kind in RETRAINED:
        ground.retrained[cell_of(path, ground.workspace)] += 1
    return str(path.relative_to(ground.workspace))


_VICTIMS: dict[str, Callable[[Fault, Ground, signal.Signals], str | None]] = {
    "launcher": _launcher,
    "worker": _process("worker"),
    "prefect": _process("prefect"),
    "mlflow": _mlflow,
    "database": _database,
}
