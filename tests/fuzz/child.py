"""What a forked child does: read damaged files one after the other, watched from within."""

import faulthandler
import logging
import mmap
import os
import re
import resource
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fuzz.format import Format, Misread, Seed

OUT = "out"
_COMPILED = "__pycache__"
"""Where numba keeps the loops that it compiles."""
LONGEST_MESSAGE = 6000
_PLACE = re.compile(r"line \d|byte \d|row \d|column|\[\d+\]|frame \d", re.MULTILINE)
_NO_MEMORY = re.compile(r"allocate memory|bad_alloc|MemoryError|Cannot allocate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((0, None), (1, 2)),
}
"""What changes the disk: where its paths are among an event's arguments, and their folders."""
_NEVER = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.fork",
          "os.forkpty", "subprocess.Popen", "socket.connect", "webbrowser.open")  # fmt: skip


class Hung(BaseException):
    """A file took too long."""


class Escaped(BaseException):
    """A reader did what none may do: wrote elsewhere, started a program, unpickled."""


def work(
    kind: Format,
    seeds: tuple[Seed, ...],
    cases: Iterable[tuple[int, Seed, bytes, str]],
    folder: Path,
    progress: mmap.mmap,
    seconds: float,
) -> dict[str, Any]:
    """Read every case; what came of them, ready for JSON."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    faulthandler.disable()
    signal.signal(signal.SIGPROF, _hang)
    desk = Desk(folder, seeds)
    told: dict[str, Any] = {"files": 0, "read": 0, "refused": 0, "placed": 0, "seconds": 0.0}
    told |= {"slowest_ms": 0.0, "findings": []}
    for seed in seeds:
        if (what := _outcome(kind, desk.place(seed, seed.content), folder, seconds)[0]) != "read":
            told["findings"].append((-1, seed.name, "none", what))
        desk.clear(seed, kind.writes)
    before = resident_mib(start_again=True)
    guard(folder)
    limit_growth(kind.memory_mib)
    for done, (index, seed, content, how) in enumerate(cases, 1):
        progress[:8] = done.to_bytes(8, "little")
        path = desk.place(seed, content)
        start = time.perf_counter()
        what, placed = _outcome(kind, path, folder, seconds)
        took = time.perf_counter() - start
        what = desk.clear(seed, kind.writes) or what
        told["files"] += 1
        told["seconds"] += took
        told["slowest_ms"] = max(told["slowest_ms"], took * 1000)
        if what in ("read", "refused"):
            told[what] += 1
            told["placed"] += placed
        else:
            told["findings"].append((index, seed.name, how, what))
    return told | {"peak_mib": max(0.0, resident_mib() - before)}


def _outcome(kind: Format, path: Path, folder: Path, seconds: float) -> tuple[str, bool]:
    """`read`, `refused`, or what went wrong; and whether a refusal names a place."""
    try:
        with _alarm(seconds):
            kind.read(path)
    except kind.refusals as error:
        problem = _problem_of(error, folder)
        place = getattr(error, "place", "") or _PLACE.search(str(error))
        return (f"refused badly: {problem}" if problem else "refused"), bool(place)
    except Misread as error:
        return f"misread: {str(error)[:500]}", False
    except Hung:
        return f"more than {seconds:g} s", False
    except MemoryError:
        return "more memory than the bound", False
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:500]}{_where(error)}", False
    return "read", False


def _where(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "hcfres" in code.co_filename or "flows" in code.co_filename:
            place = f" [{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}]"
        trace = trace.tb_next
    return place


def _problem_of(error: Exception, folder: Path) -> str:
    """What an error lacks that the user needs, empty when nothing."""
    said = str(error)
    if str(folder) not in said:
        return f"the file is not named: {said[:300]}"
    if len(said) > LONGEST_MESSAGE:
        return f"{len(said)} characters"
    if not said.replace("\n", " ").isprintable():
        return f"unprintable: {said[:300]!r}"
    if _NO_MEMORY.search(said):
        return f"it asked for more memory than there was: {said[:300]}"
    if hasattr(error, "reason") and not error.reason:
        return f"no reason: {said[:300]}"
    return ""


class Desk:
    """The folders of the examples, one file of each replaced again and again."""

    def __init__(self, folder: Path, seeds: tuple[Seed, ...]) -> None:
        self._folder = folder
        self._names: dict[str, set[str]] = {}
        shutil.rmtree(folder, ignore_errors=True)
        for seed in seeds:
            for name, content in (*seed.others, (seed.target, seed.content)):
                path = folder / seed.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._names[seed.name] = set(self._listing(seed))

    def place(self, seed: Seed, content: bytes) -> Path:
        """Put down the damaged file."""
        path = self._folder / seed.name / seed.target
        path.write_bytes(content)
        return path

    def clear(self, seed: Seed, writes: bool) -> str:
        """Take away what the reader made; says what should not be there, empty when nothing."""
        if writes:
            shutil.rmtree(self._folder / seed.name / OUT, ignore_errors=True)
        left = set(self._listing(seed)) - self._names[seed.name]
        for name in left:
            (self._folder / seed.name / name).unlink()
        return f"left behind: {sorted(left)[:5]}" if left else ""

    def _listing(self, seed: Seed) -> list[str]:
        root = str(self._folder / seed.name)
        return [
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root)
            for name in names
        ]


@contextmanager
def _alarm(seconds: float) -> Any:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _hang(*_: object) -> None:
    raise Hung


def guard(folder: Path) -> None:
    """From now on this process may write below `folder` only, and start or unpickle nothing."""
    inside = os.path.realpath(folder) + os.sep

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NEVER:
            raise Escaped(f"{event} {str(arguments)[:200]}")
        if event == "open":
            path, _, flags = arguments
            paths = [path] if isinstance(flags, int) and flags & _WRITING else []
        else:
            paths = [_full(arguments, *places) for places in _PATHS.get(event, ())]
        for path in paths:
            if isinstance(path, str | bytes) and not _below(os.fsdecode(path), inside):
                raise Escaped(f"{event} {os.fsdecode(path)[:200]}")

    sys.addaudithook(watch)


def _full(arguments: tuple[Any, ...], place: int, folder: int | None) -> str | bytes | int:
    """A path of an event, within the folder that it is relative to."""
    path = arguments[place]
    if folder is None or not isinstance(path, str | bytes) or arguments[folder] < 0:
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{arguments[folder]}"), os.fsdecode(path))


def _below(path: str, inside: str) -> bool:
    return path == os.devnull or os.path.realpath(path).startswith(inside) or _COMPILED in path


def limit_growth(mib: int) -> None:
    """Let the address space grow by `mib` from where it is."""
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (mib << 20), resource.RLIM_INFINITY))


def resident_mib(start_again: bool = False) -> float:
    """The most resident memory so far; with `start_again` the memory of now, counted anew."""
    if start_again:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    with open("/proc/self/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 1024
