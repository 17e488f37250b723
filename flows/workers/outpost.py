"""The far side of a pool: a small process on another machine that keeps a worker there.

Ray or Slurm runs `hold`, which starts this module as a program. It calls the launcher, starts
workers when it is told to, and carries messages between the two. When the line breaks, its worker
is killed and it ends; when it is killed itself, its worker ends with it.
"""

import contextlib
import os
import subprocess
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from flows.places import ROOT
from flows.workers.line import call
from flows.workers.machine import VISIBLE
from flows.workers.orphans import end_with_parent
from flows.workers.ticket import Ticket, greet
from flows.workers.worker import start_process

Told = tuple[Literal["start", "message", "signal", "kill"], Any]
"""By the launcher: with the threads of a worker to start, a message for it, or a signal's number;
`kill` comes with None."""
Tells = tuple[Literal["message", "ended"], Any]
"""The launcher: a worker's message, or its exit code."""


class OutpostError(RuntimeError):
    """An outpost could not work; the message says why."""


def hold(ticket: str) -> None:
    """Keep an outpost on this machine until its launcher needs it no more.

    Args:
        ticket: a Ticket as JSON. It goes on through a pipe: command lines are for all to see.

    Raises:
        OutpostError: it never reached the launcher, or was ended by something else.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HCFRES_")}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(os.getpid())],
        cwd=ROOT,
        env=kept | Ticket.model_validate_json(ticket).environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a signal to our group is for us; we end it
    )
    try:
        last_words, _ = process.communicate(ticket.encode())
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise OutpostError(last_words.decode() or f"ended with exit code {process.returncode}")


def attend(line: Connection, device: str) -> None:
    """Start workers as they are asked for, one at a time, until the line breaks."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            told: Told = line.recv()
            if told[0] == "start":  # anything else was meant for a worker that has ended
                _relay(line, *start_process(device, told[1]))


def _relay(line: Connection, process: BaseProcess, pipe: Connection) -> None:
    """Carry messages both ways until the worker has ended, and say how it did."""
    try:
        while (ready := wait([line, pipe, process.sentinel])) != [process.sentinel]:
            if pipe in ready:
                try:
                    message = pipe.recv()
                except (EOFError, OSError):
                    break
                line.send(("message", message))
            if line in ready:
                _pass_on(line.recv(), process, pipe)
        process.join()
        line.send(("ended", process.exitcode))
    finally:
        process.kill()
        process.join()
        pipe.close()


def _pass_on(told: Told, process: BaseProcess, pipe: Connection) -> None:
    """Do to the worker what the launcher would do if it were near; it may have just ended."""
    what, payload = told
    with contextlib.suppress(OSError):
        if what == "message":
            pipe.send(payload)
        elif what == "kill":
            process.kill()
        elif what == "signal" and process.pid is not None:
            os.kill(process.pid, payload)


def _device(ticket: Ticket) -> str:
    """The device that this process was given: of several GPUs the first."""
    if ticket.kind == "cpu":
        return "cpu"
    return f"cuda:{os.environ.get(VISIBLE, '').partition(',')[0] or '0'}"


def main(parent: int) -> None:
    """Be an outpost, by the ticket on standard input."""
    end_with_parent(parent)
    ticket = Ticket.model_validate_json(sys.stdin.buffer.read())
    said = greet(ticket, _device(ticket))
    try:
        line = call(ticket.host, ticket.port, bytes.fromhex(ticket.secret), said)
    except (OSError, EOFError, AuthenticationError) as error:
        where = f"{ticket.host}:{ticket.port}"
        sys.stdout.write(f"{said.host} cannot call the launcher at {where} ({error})")
        sys.exit(1)
    os.dup2(2, 1)  # what workers print belongs to the log
    sys.argv[:] = ticket.command
    attend(line, said.device)
    os._exit(0)  # Python would take most of a second to free what `greet` read, and more under load


if __name__ == "__main__":
    main(int(sys.argv[1]))
