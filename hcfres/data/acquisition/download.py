"""Files from a server onto the disk: resumed, repeated with patience, whole or not at all."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from hcfres.data.acquisition.partial import Partial, open_partial
from hcfres.data.acquisition.transfer import (
    Told,
    TryAgain,
    Wanted,
    length,
    plain,
    refusal,
    require_answer,
    transfer,
)
from hcfres.data.errors import DataError, too_many

_PROGRESS = 1 << 16
"""Bytes a failed request must have brought for the count of failures to begin anew."""
_MOST_RESTARTS = 3
_MOST_REDIRECTS = 5

ToldOf = Callable[[Wanted, int, int | None], None]
"""Told of which file how many bytes are there, of how many (None while unknown)."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, in seconds, and how often it is asked."""

    attempts: int = 6
    """Failures in a row, none of which brought anything, after which a file is given up."""
    connect_s: float = 15.0
    read_s: float = 60.0
    """Silence in the middle of a file."""
    backoff_s: float = 1.0
    """Before the second attempt; doubled before each further one, less up to a half by chance."""
    longest_s: float = 60.0

    def pause_s(self, failures: int, asked_s: float = 0.0) -> float:
        """Give the seconds to wait after so many failures in a row, or what the server asks for."""
        doubled = self.backoff_s * 2.0 ** min(failures - 1, 30)
        chosen = min(self.longest_s, doubled) * random.uniform(0.5, 1.0)
        return max(chosen, min(asked_s, self.longest_s))


class Stopped(Exception):
    """The download was told to stop; what is there is kept."""


def open_client(patience: Patience | None = None) -> httpx.Client:
    """Open a client for any number of threads; it follows redirects to http and https only."""
    patience = patience or Patience()
    timeout = httpx.Timeout(patience.read_s, connect=patience.connect_s, pool=None)
    return httpx.Client(
        timeout=timeout,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
        headers={"Accept-Encoding": "identity", "User-Agent": "hcfres"},
    )


def download(
    wanted: Wanted,
    client: httpx.Client,
    patience: Patience | None = None,
    told: Told = lambda *_: None,
    stop: threading.Event | None = None,
) -> None:
    """Put a file in its place, going on where an interrupted run stopped.

    Args:
        wanted: the file; one that is there is replaced.
        client: of `open_client`.
        patience: with a server that fails.
        told: of the progress; it may be called from any thread that downloads.
        stop: set by another thread to give up soon.

    Raises:
        DataError: the address is refused, missing, or not what was announced; or it failed too
            often. The message names the file, the address, and what to do.
        StoreError: the disk is full.
        Stopped: `stop` was set.
    """
    patience, stop = patience or Patience(), stop or threading.Event()

    def watched(done: int, total: int | None) -> None:
        if stop.is_set():
            raise Stopped
        told(done, total)

    with open_partial(wanted.target) as partial:
        failures, restarts, furthest = 0, 0, partial.size
        while True:
            try:
                transfer(client, wanted, partial, watched)
                _require_content(wanted, partial)
                return partial.finish()
            except TryAgain as error:
                gained = partial.size - furthest
                furthest = max(furthest, partial.size)
                failures = 1 if gained >= _PROGRESS else failures + 1
                restarts += error.start_over
                if failures >= patience.attempts or restarts >= _MOST_RESTARTS:
                    raise _given_up(wanted, partial, error, failures) from None
                if error.start_over:
                    partial.forget()
                if stop.wait(patience.pause_s(failures, error.after_s)):
                    raise Stopped from None


def download_all(
    files: Sequence[Wanted],
    client: httpx.Client,
    jobs: int = 4,
    patience: Patience | None = None,
    told: ToldOf = lambda *_: None,
) -> None:
    """Download files side by side; one that fails does not stop the others.

    Raises:
        DataError: files that could not be had, all of them in one message.
        StoreError: the disk is full.
    """
    stop = threading.Event()

    def one(wanted: Wanted) -> DataError | None:
        try:
            download(wanted, client, patience, lambda *count: told(wanted, *count), stop)
        except DataError as error:
            return error
        return None

    with ThreadPoolExecutor(jobs, thread_name_prefix="download") as threads:
        futures = [threads.submit(one, wanted) for wanted in files]
        try:
            failed = [error for future in futures if (error := future.result()) is not None]
        except BaseException:
            stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    if len(failed) == 1:
        raise failed[0]
    if failed:
        problems = too_many([str(error) for error in failed]).rstrip()
        raise DataError("downloads", problems, "The others are in place; run again for these")


def remote_size(
    url: str, client: httpx.Client, wanted: Wanted, patience: Patience | None = None
) -> int | None:
    """Ask a server how long a file is; None when it has it and does not say.

    Raises:
        NotThereError: it has no such file.
        DataError: it refuses, answers with a web page, or failed too often.
    """
    patience = patience or Patience()
    for failures in range(1, patience.attempts + 1):
        try:
            return _size(url, client, wanted)
        except (TryAgain, httpx.TransportError) as error:
            last = f"{error}" or type(error).__name__
        if failures < patience.attempts:
            threading.Event().wait(patience.pause_s(failures))
    raise refusal(wanted, f"does not answer: {last}", "Try again later, or another address")


def _size(url: str, client: httpx.Client, wanted: Wanted) -> int | None:
    """What HEAD says, else what the first byte comes with."""
    try:
        answer = client.head(url)
        if answer.status_code not in (405, 501):
            require_answer(answer, wanted)
            return length(answer)
        with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as answer:
            require_answer(answer, wanted)
            if answer.status_code == 200:
                return length(answer)
            total = answer.headers.get("content-range", "").rpartition("/")[2]
            return int(total) if total.isascii() and total.isdigit() else None
    except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
        raise refusal(wanted, f"leads nowhere: {error}", "Check the address") from None


def _require_content(wanted: Wanted, partial: Partial) -> None:
    """Hold what came against what is known of the file; wrong bytes are fetched once more."""
    if wanted.size is not None and partial.size != wanted.size:
        reason = f"brought {partial.size} bytes; the file has {wanted.size}"
        raise TryAgain(reason, start_over=True)
    if wanted.sha256 is not None and (found := partial.sha256()) != wanted.sha256.lower():
        reason = f"brought content with the sha256 {found}; the file has {wanted.sha256}"
        raise TryAgain(reason, start_over=True)


def _given_up(wanted: Wanted, partial: Partial, error: TryAgain, failures: int) -> DataError:
    if error.start_over:
        partial.forget()
        reason = f"was given up: {error}"
        return refusal(wanted, reason, "The copy there is damaged or another one; try another")
    reason = f"was given up after {failures} attempts that brought nothing: {error}"
    way_out = f"Run the same command again: it goes on after {partial.size} bytes"
    return DataError(wanted.target, f"{plain(wanted.url)} {reason}", way_out)
