"""A real HTTP server on this machine that misbehaves as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """One file on the server and how it is served."""

    content: bytes
    etag: str | None = '"first"'
    modified: str | None = None
    kind: str = "application/octet-stream"
    ranges: bool = True
    """Ranges are honoured."""
    announced: int | None = None
    """A false Content-Length."""
    cuts: list[int] = field(default_factory=list)
    """The next answers end after so many bytes of content, the connection with them."""
    stalls: list[int] = field(default_factory=list)
    """The next answers fall silent after so many bytes."""
    statuses: list[int] = field(default_factory=list)
    """The next answers are these errors; 200 is none."""
    shift: int = 0
    """A false beginning in Content-Range."""
    changes: list[bytes] = field(default_factory=list)
    """After a cut the file becomes this, with another ETag."""
    redirect: str | None = None
    head: bool = True
    """HEAD is allowed."""
    headers: dict[str, str] = field(default_factory=dict)


class Served(ThreadingHTTPServer):
    """The server; `asked` holds (path with query, Range, bytes of content sent)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str | None, int]] = []
        self.authorisation: list[str | None] = []
        self.quiet = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what the tests are about."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Served
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET(head=True)

    def do_GET(self, head: bool = False) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        self.server.authorisation.append(self.headers.get("Authorization"))
        status = 404 if page is None else 405 if head and not page.head else 200
        if page is not None and page.statuses and not head:
            status = page.statuses.pop(0)
        if page is None or status != 200:
            return self._finish(status, b"", page)
        if page.redirect is not None:
            self.send_response(302)
            self.send_header("Location", page.redirect)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        asked = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        content, start = page.content, 0
        if asked and page.ranges and condition in (None, page.etag, page.modified):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, status = int(first), 206
            content = content[start : int(last) + 1 if last else None]
            if start >= len(page.content):
                return self._finish(416, b"", page)
        if head:
            return self._headers(page, 200, len(page.content), 0)
        self._answer(page, content, asked, (status, start))

    def _headers(self, page: Page, status: int, size: int, start: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(size if page.announced is None else page.announced))
        if page.etag:
            self.send_header("ETag", page.etag)
        if page.modified:
            self.send_header("Last-Modified", page.modified)
        if status == 206:
            begin, total = start + page.shift, len(page.content)
            self.send_header("Content-Range", f"bytes {begin}-{begin + size - 1}/{total}")
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(
        self, page: Page, content: bytes, asked: str | None, first: tuple[int, int]
    ) -> None:
        """Note what is asked, then send headers (status, start) and as much as the page lets."""
        cut = page.cuts.pop(0) if page.cuts else None
        stall = page.stalls.pop(0) if page.stalls else None
        sent = content[: cut if cut is not None else stall]
        self.server.asked.append((self.path, asked, len(sent)))
        self._headers(page, first[0], len(content), first[1])
        self.wfile.write(sent)
        self.wfile.flush()
        if stall is not None:
            self.server.quiet.wait(5)
        if cut is not None or stall is not None or page.announced is not None:
            self.close_connection = True
        if cut is not None and page.changes:
            page.content, page.etag = page.changes.pop(0), '"second"'

    def _finish(self, status: int, body: bytes, page: Page | None) -> None:
        self.server.asked.append((self.path, self.headers.get("Range"), 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 416 and page is not None:
            self.send_header("Content-Range", f"bytes */{len(page.content)}")
        for name, value in (page.headers if page else {}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def running(port: int = 0, pages: dict[str, Page] | None = None) -> Iterator[Served]:
    server = Served(port)
    server.pages.update(pages or {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.quiet.set()
        server.shutdown()
        server.server_close()
        thread.join()
