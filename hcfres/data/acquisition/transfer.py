"""One request for one file: what of the answer is believed, and what is asked again."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from hcfres.data.acquisition.partial import Partial, Version
from hcfres.data.acquisition.space import promised
from hcfres.data.errors import DataError

Told = Callable[[int, int | None], None]
"""Told how many bytes of a file are there, of how many (None while unknown)."""

_HEAD = 512
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_HTML = (b"<!doctype html", b"<html")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_SIGNED_IN = "Check that your access is still valid, and give the whole signed address to --from"


@dataclass(frozen=True)
class Wanted:
    """One file to fetch."""

    url: str
    target: Path
    size: int | None = None
    """Bytes, where somebody other than the server knows."""
    sha256: str | None = None


class TryAgain(Exception):
    """This request failed in a way that another one may not."""

    def __init__(self, reason: str, start_over: bool = False, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.start_over = start_over
        """What is there is not to be continued."""
        self.after_s = after_s
        """Seconds that the server asks to wait."""


class NotThereError(DataError):
    """The server is well and has no such file."""


def transfer(
    client: httpx.Client, wanted: Wanted, partial: Partial, told: Told = lambda *_: None
) -> None:
    """Ask for what `partial` lacks and add the answer to it; on return nothing is missing.

    Raises:
        TryAgain: the connection or the server failed, or the answer cannot be continued with.
        DataError: the answer will not get better by asking again.
        StoreError: the disk is full.
    """
    known = partial.version
    resumes = partial.size > 0 and known is not None and known.validator != ""
    resumes = resumes and known is not None and known.address == plain(wanted.url)
    offset = partial.size if resumes else 0
    headers = {"Range": f"bytes={offset}-", "If-Range": known.validator} if known and offset else {}
    try:
        with client.stream("GET", wanted.url, headers=headers) as answer:
            if _all_there(answer, partial, offset):
                return
            offset, total = _accepted(answer, wanted, partial, offset)
            with promised(wanted.target, max((total or 0) - offset, 0), plain(wanted.url)) as room:
                for block in _blocks(answer, wanted, partial, offset, total):
                    partial.write(block)
                    room.spend(len(block))
                    told(partial.size, total)
    except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
        raise refusal(wanted, f"leads nowhere: {error}", "Check the address") from None
    except httpx.TransportError as error:
        raise TryAgain(f"{type(error).__name__}: {error}".rstrip(": ")) from None
    if total is not None and partial.size != total:
        raise TryAgain(f"{partial.size} of {total} bytes came", start_over=partial.size > total)


def refusal(wanted: Wanted, reason: str, way_out: str) -> DataError:
    """Name the file, the address without its secrets, and the way out."""
    return DataError(wanted.target, f"{plain(wanted.url)} {reason}", way_out)


def plain(url: str) -> str:
    """Leave out of an address what is secret: user, password, and the signature of the query."""
    found = httpx.URL(url)
    port = f":{found.port}" if found.port else ""
    return f"{found.scheme}://{found.host}{port}{found.path}"


def length(answer: httpx.Response) -> int | None:
    """Return the announced Content-Length, None without a sensible one."""
    said = answer.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def require_answer(answer: httpx.Response, wanted: Wanted) -> None:
    """Refuse every answer that brings no content of a file.

    Raises:
        TryAgain: the server is busy or broken.
        NotThereError: it has no such file.
        DataError: it does not let us, or sends something other than the file.
    """
    status = answer.status_code
    if status in _BUSY or status >= 500:
        raise TryAgain(f"the server answers {status}", after_s=_asked_to_wait(answer))
    if status in (404, 410):
        reason = f"is not there (the server answers {status})"
        raise NotThereError(
            wanted.target, f"{plain(wanted.url)} {reason}", "Check the address given to --from"
        )
    if status in (401, 403, 407):
        raise refusal(wanted, f"is refused (the server answers {status})", _SIGNED_IN)
    if status not in (200, 206):
        raise refusal(wanted, f"was answered by {status}", "Check the address given to --from")
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise _is_html(wanted)
    if (coding := answer.headers.get("content-encoding", "identity").lower()) != "identity":
        reason = f"comes encoded as {coding!r}, which was not asked for"
        raise refusal(wanted, reason, "Give an address that serves the plain files")


def _is_html(wanted: Wanted) -> DataError:
    reason = "is a web page, not the file: a sign-in or an error page"
    return refusal(wanted, reason, _SIGNED_IN)


def _all_there(answer: httpx.Response, partial: Partial, offset: int) -> bool:
    """Tell whether the server says that nothing comes after what was asked from."""
    if answer.status_code != 416:
        return False
    known = partial.version
    agrees = known is not None and known.total in (None, offset)
    if offset and agrees and answer.headers.get("content-range") == f"bytes */{offset}":
        return True
    raise TryAgain(f"the server has no byte {offset}", start_over=True)


def _accepted(
    answer: httpx.Response, wanted: Wanted, partial: Partial, offset: int
) -> tuple[int, int | None]:
    """Where the answer begins in the file, and how long the file is."""
    require_answer(answer, wanted)
    if answer.status_code == 200:
        offset, total = 0, length(answer)
    else:
        total = _continues(answer, partial, offset)
    if None not in (wanted.size, total) and wanted.size != total:
        reason = f"announces {total} bytes; the file has {wanted.size}"
        raise refusal(wanted, reason, "The copy there is another version: try another one")
    return offset, wanted.size if total is None else total


def _continues(answer: httpx.Response, partial: Partial, offset: int) -> int:
    """The length of the file, from an answer that begins exactly where we stopped."""
    said = answer.headers.get("content-range", "")
    found = _RANGE.fullmatch(said)
    first, last, total = (int(part) for part in found.groups()) if found else (-1, -1, -1)
    if not offset or first != offset or not first <= last < total:
        raise TryAgain(f"asked from byte {offset}, got the range {said!r}", start_over=True)
    known = partial.version
    if known is not None and known.total not in (None, total):
        reason = f"announced {known.total} bytes at first, and {total} now"
        raise TryAgain(f"the server {reason}", start_over=True)
    kind = "etag" if known and known.validator.startswith('"') else "last-modified"
    if known is not None and answer.headers.get(kind, known.validator) != known.validator:
        raise TryAgain("the file changed on the server", start_over=True)
    return total


def _blocks(
    answer: httpx.Response, wanted: Wanted, partial: Partial, offset: int, total: int | None
) -> Iterator[bytes]:
    """The content; that of a whole file only after its first bytes proved to be no web page."""
    blocks = answer.iter_raw()  # as it comes: a block of our own would be lost with the connection
    if offset == 0:
        head = b""
        for block in blocks:
            head += block
            if len(head) >= _HEAD:
                break
        if head[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
            raise _is_html(wanted)
        partial.restart(Version(plain(wanted.url), _validator(answer), total))
        yield head
    yield from blocks


def _validator(answer: httpx.Response) -> str:
    """What If-Range may carry: a strong ETag, else the time of the last change."""
    tag: str = answer.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    return str(answer.headers.get("last-modified", ""))


def _asked_to_wait(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        left = parsedate_to_datetime(said) - datetime.now(UTC)
    except (TypeError, ValueError):
        return 0.0
    return max(left.total_seconds(), 0.0)
