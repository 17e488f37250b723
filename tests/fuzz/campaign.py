"""A fuzz run: damaged files read in forked children that may not grow, hang, or write elsewhere."""

import json
import mmap
import os
import re
import resource
import select
import signal
import time
import traceback
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

from tests.fuzz.child import work
from tests.fuzz.format import Format, Seed, seeds_within_limits
from tests.fuzz.mutations import damage


@dataclass(frozen=True)
class Finding:
    """A damaged file that was neither read correctly nor refused as it should be."""

    format: str
    index: int
    """Of the file in its run; -1 where an undamaged example is refused."""
    seed: str
    """The name of the example."""
    damage: str
    what: str

    def __str__(self) -> str:
        return f"{self.format} #{self.index} ({self.seed}, {self.damage}): {self.what}"


@dataclass(frozen=True)
class Limits:
    """What no file may exceed."""

    seconds: float = 5.0
    """Of processor time for one file."""
    blocked_seconds: float = 60.0
    """Without any progress, on the clock."""


@dataclass(frozen=True)
class Report:
    """What came of one format's files."""

    format: str
    files: int = 0
    read: int = 0
    refused: int = 0
    placed: int = 0
    """Refusals that name a place within the file."""
    seconds: float = 0.0
    """Of reading and checking, damage and writing left out."""
    slowest_ms: float = 0.0
    peak_mib: float = 0.0
    """The most by which the resident memory of a child grew."""
    bound_mib: int = 0
    findings: tuple[Finding, ...] = field(default=())


_LIMITS = Limits()


def run(
    kind: Format,
    count: int,
    folder: Path,
    run_seed: int = 0,
    batch: int = 1000,
    limits: Limits = _LIMITS,
    first: int = 0,
) -> Report:
    """Read `count` damaged files of a format; the same arguments make the same files."""
    seeds = tuple(seeds_within_limits(kind.make()).values())
    total = Report(kind.name, bound_mib=kind.memory_mib)
    at, end = first, first + count
    while at < end:
        part = _batch(kind, seeds, range(at, min(end, at + batch)), folder, run_seed, limits)
        total = _sum(total, part)
        if not part.files:
            return total
        at += part.files
    return total


def damaged(
    kind: Format, seeds: tuple[Seed, ...], run_seed: int, index: int
) -> tuple[Seed, bytes, str]:
    """The file of that number: its example, its content, how it was damaged."""
    rng = Random(f"{run_seed}/{kind.name}/{index}")
    seed = rng.choice(seeds)
    return seed, *damage(kind, seed, seeds, rng)


def _sum(a: Report, b: Report) -> Report:
    return replace(
        a,
        files=a.files + b.files,
        read=a.read + b.read,
        refused=a.refused + b.refused,
        placed=a.placed + b.placed,
        seconds=a.seconds + b.seconds,
        slowest_ms=max(a.slowest_ms, b.slowest_ms),
        peak_mib=max(a.peak_mib, b.peak_mib),
        findings=a.findings + b.findings,
    )


def _batch(
    kind: Format,
    seeds: tuple[Seed, ...],
    indices: range,
    folder: Path,
    run_seed: int,
    limits: Limits,
) -> Report:
    """Files read in one child; where it dies the file it died of is the last one counted."""
    progress = mmap.mmap(-1, 8)
    progress[:8] = (0).to_bytes(8, "little")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            cases = ((i, *damaged(kind, seeds, run_seed, i)) for i in indices)
            told = work(kind, seeds, cases, folder, progress, limits.seconds)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(json.dumps(told).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    told = _told(child, reader, progress, limits)
    done = int.from_bytes(progress[:8], "little")
    if not isinstance(told, str):
        findings = tuple(Finding(kind.name, *found) for found in told.pop("findings"))
        return Report(kind.name, findings=findings, **told)
    if not done:
        return Report(kind.name, findings=(Finding(kind.name, -1, "all", "none", told),))
    index = indices[done - 1]
    seed, _, how = damaged(kind, seeds, run_seed, index)
    return Report(kind.name, done, findings=(Finding(kind.name, index, seed.name, how, told),))


def _told(child: int, reader: int, progress: mmap.mmap, limits: Limits) -> dict | str:
    """What a child reports, or how it ended without a report."""
    chunks, last, since = [], b"", time.monotonic()
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while True:
            if select.select([pipe], [], [], 1.0)[0]:
                if not (chunk := pipe.read(1 << 16)):
                    break
                chunks.append(chunk)
            if bytes(progress[:8]) != last:
                last, since = bytes(progress[:8]), time.monotonic()
            if time.monotonic() - since > limits.blocked_seconds:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return f"no progress in {limits.blocked_seconds:g} s"
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return json.loads(b"".join(chunks))
    ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
    return f"the process ended with {ended}"


def summary(reports: list[Report]) -> str:
    """A Markdown table, a line a format, and below it what was found."""
    head = (
        "| format | files | read | refused | naming a place | findings | seconds | files/s "
        "| slowest ms | memory MiB | bound MiB |"
    )
    lines = [head, "|---" + "|---:" * 10 + "|"]
    for one in reports:
        placed = f"{one.placed / one.refused:.0%}" if one.refused else "-"
        rate = one.files / one.seconds if one.seconds else 0
        lines.append(
            f"| {one.format} | {one.files} | {one.read} | {one.refused} | {placed} "
            f"| {len(one.findings)} | {one.seconds:.1f} | {rate:.0f} | {one.slowest_ms:.0f} "
            f"| {one.peak_mib:.1f} | {one.bound_mib} |"
        )
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in (f for one in reports for f in one.findings):
        kinds.setdefault((finding.format, _alike(finding.what)), []).append(finding)
    lines += [f"\n{len(found)} such: {found[0]}" for found in kinds.values()]
    return "\n".join(lines) + "\n"


def _alike(what: str) -> str:
    """A finding without what differs from file to file."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+|\d+", "#", what)[:80] + what[-60:]


def as_dict(report: Report) -> dict:
    """For a file of results."""
    return asdict(report)
