"""A site for tests: what Ray or Slurm would run elsewhere runs as a process of this machine."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from flows.workers.site import Hire
from flows.workers.ticket import Kind, Ticket

_HOLD = "import sys; from flows.workers.outpost import hold; hold(sys.stdin.read())"


@dataclass
class FarSite:
    """Runs each outpost in a process of its own."""

    size: int = 1
    forged: Callable[[Ticket], Ticket] = lambda ticket: ticket
    """What becomes of a ticket on its way."""
    name: str = "test"
    kind: Kind = "cpu"
    address: str = "127.0.0.1"
    hired: list["FarHire"] = field(default_factory=list)

    def hire(self, ticket: str) -> Hire:
        """Start one."""
        forged = self.forged(Ticket.model_validate_json(ticket)).model_dump_json()
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLD],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        process.stdin.write(forged)
        process.stdin.close()
        self.hired.append(FarHire(process))
        return self.hired[-1]

    def close(self) -> None:
        """Wait for what was hired: it is cancelled."""
        for one in self.hired:
            one.process.wait()
            one.process.stderr.close()


@dataclass
class FarHire:
    """One process."""

    process: subprocess.Popen[str]

    def ended(self) -> str | None:
        """What it said last."""
        if self.process.poll() is None:
            return None
        return self.process.stderr.read().strip().rpartition("\n")[2]

    def waits_for(self) -> str:
        """Nothing."""
        return "its turn"

    def cancel(self) -> None:
        """Kill it."""
        self.process.kill()
