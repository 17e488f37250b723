"""The near side of workers elsewhere: whom Ray or Slurm was asked for, who came, who is gone."""

import contextlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

from flows.workers.far_worker import Post
from flows.workers.line import Door, hang_up
from flows.workers.site import Hire, Site
from flows.workers.ticket import (
    Greeting,
    Ticket,
    command_here,
    environment_there,
    greet,
    marked,
    objections,
)
from flows.workers.worker import Withdrawn, Worker
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace

_SOON_S = 15.0
"""A worker that comes within this was not waited for."""
_LOOK_EVERY_S = 1.0
_TRIES = 3
"""So often in a row a worker may not come, as where a machine goes down or a scheduler is busy;
more often while another one is there or awaited."""
_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 600.0
"""Before a worker is asked for again; twice as long each time."""
_CANCELLED_AT_ONCE = 16

Caller = tuple[Connection, Greeting]


class Outposts:
    """Workers at a site, as a pool's source. Each slot has an outpost, which is kept between them.

    Args:
        say: told when workers are waited for, and when they came.
    """

    slow = True

    def __init__(self, site: Site, workspace: Workspace, say: Callable[[str], None]) -> None:
        self._site, self._workspace, self._say = site, workspace, say
        self.slots = tuple(f"{site.name} {number}" for number in range(1, site.size + 1))
        self._secret = secrets.token_bytes(32)
        self._marked = contextlib.ExitStack()
        self._mark = self._marked.enter_context(marked(workspace))
        self._door = Door(site.address, self._secret, self._receive)
        self._posts: dict[str, Post] = {}
        self._hires: list[Hire] = []
        self._awaited: dict[str, SimpleQueue[Caller]] = {}
        self._changing = threading.Lock()
        self._closed = threading.Event()

    def start(self, slot: str, threads: int) -> Worker:
        """Start a worker in a slot, at the outpost that is there or at a new one.

        Raises:
            ConfigError: the site gives none, or one that cannot work here.
            Withdrawn: closed meanwhile.
        """
        post = self._posts.get(slot)
        if post is not None and not post.lives:
            post.give_up()
            post = None
        if post is None:
            post = self._posts[slot] = self._send_for(slot)
        if self._closed.is_set():  # since it came
            post.leave()
            raise Withdrawn
        far = post.start(threads)
        return Worker(far, slot, post.greeting.place, far, far.signal)

    def close(self) -> None:
        """Hang up on every outpost, which ends it and its worker, and cancel what is in a queue."""
        with self._changing:
            if self._closed.is_set():
                return
            self._closed.set()
            posts, hires = list(self._posts.values()), list(self._hires)
        self._door.close()
        for post in posts:
            post.leave()
        with ThreadPoolExecutor(_CANCELLED_AT_ONCE) as threads:
            list(threads.map(lambda hire: hire.cancel(), hires))
        self._site.close()
        self._marked.close()

    def _send_for(self, slot: str) -> Post:
        """Ask for an outpost until one comes, or this was in vain and no other is left.

        Raises:
            ConfigError: it was, or what came cannot work here.
            Withdrawn: closed meanwhile.
        """
        pause = _PAUSE_S
        for tries in itertools.count(1):
            try:
                return self._ask(slot)
            except _Lost as lost:
                why = str(lost)
            if tries >= _TRIES and not self._others():
                break
            self._say(f"{slot}: {why}; it is asked for again in {pause:.0f} s")
            self._closed.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        raise ConfigError(
            f"--on {self._site.name}: no worker is left, and one that was asked for {tries} times "
            f"never came. The last time: {why}"
        )

    def _others(self) -> bool:
        """Whether any outpost is there or awaited."""
        return bool(self._awaited) or any(post.lives for post in list(self._posts.values()))

    def _ask(self, slot: str) -> Post:
        """Ask for an outpost once, and wait for it.

        Raises:
            _Lost: none came.
        """
        ticket = self._ticket()
        arrived = self._awaited[ticket.name] = SimpleQueue()
        try:
            hire = self._hire(ticket)
            return self._admit(*self._wait_for(slot, arrived, hire), hire)
        finally:
            del self._awaited[ticket.name]

    def _hire(self, ticket: Ticket) -> Hire:
        with self._changing:
            if self._closed.is_set():
                raise Withdrawn
            try:
                hire = self._site.hire(ticket.model_dump_json())
            except Exception as error:  # whatever a scheduler says when it is busy
                raise _Lost(f"it could not be asked for ({error!r})") from error
            self._hires.append(hire)
            return hire

    def _wait_for(self, slot: str, arrived: "SimpleQueue[Caller]", hire: Hire) -> Caller:
        """Wait until an outpost calls, and say so where it takes long; nothing limits how long.

        Raises:
            _Lost: it ended before.
        """
        said, began = "", time.monotonic()
        while not self._closed.is_set():
            with contextlib.suppress(Empty):
                line, greeting = arrived.get(timeout=_LOOK_EVERY_S)
                if said:
                    self._say(f"{slot}: on {greeting.place}")
                return line, greeting
            if (how := hire.ended()) is not None:
                raise _Lost(how)
            told = f"{slot}: waits for {hire.waits_for()}"
            if told != said and time.monotonic() - began > _SOON_S:
                said = told
                self._say(told)
        raise Withdrawn

    def _admit(self, line: Connection, greeting: Greeting, hire: Hire) -> Post:
        """Take an outpost on, if its work would be ours.

        Raises:
            ConfigError: it would not.
        """
        found = objections(greeting, self._ours, self._workspace)
        if found:
            hang_up(line)
            reasons = "".join(f"\n  {reason}" for reason in found)
            raise ConfigError(
                f"--on {self._site.name}: {greeting.host} cannot work on this grid:{reasons}"
            )
        return Post(line, greeting, hire)

    def _receive(self, line: Connection, said: object) -> None:
        """Hand a caller over to whoever waits for it; nobody waits for one that was given up."""
        awaited = self._awaited.get(said.ticket) if isinstance(said, Greeting) else None
        if awaited is None or not isinstance(said, Greeting):
            hang_up(line)
        else:
            awaited.put((line, said))

    def _ticket(self) -> Ticket:
        return Ticket(
            name=secrets.token_hex(8),
            host=self._site.address,
            port=self._door.port,
            secret=self._secret.hex(),
            kind=self._site.kind,
            mark=str(self._mark),
            environment=environment_there(self._workspace),
            command=command_here(),
        )

    @cached_property
    def _ours(self) -> Greeting:
        return greet(self._ticket(), "")


class _Lost(Exception):
    """An outpost could not be asked for, or ended before it called."""
