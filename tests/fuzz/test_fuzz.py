"""Damaged files of every format: each is read correctly or refused with one clear error.

The full run is `benchmarks/fuzz.py`; here are the first files of it, and files made on purpose to
show that the run notices what it looks for.
"""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.frames import read_colour, read_depth
from tests.fuzz.campaign import Limits, damaged, run, summary
from tests.fuzz.child import limit_growth
from tests.fuzz.format import LARGEST_SEED, Format, Misread, one_file, seeds_within_limits
from tests.fuzz.formats import FORMATS
from tests.fuzz.image_formats import picture

FILES = 150
LONG = ("exported-grid",)
"""Too long for every commit."""
KINDS = [
    pytest.param(kind, id=kind.name, marks=pytest.mark.slow if kind.name in LONG else ())
    for kind in FORMATS
]
SEEDS = one_file("a.txt", a=b"1 2 3\n" * 30)


@pytest.mark.parametrize("kind", KINDS)
def test_every_damaged_file_is_read_correctly_or_refused(kind, tmp_path):
    report = run(kind, FILES, tmp_path / "desk")
    assert not report.findings, "\n".join(map(str, report.findings[:10]))
    assert report.files == FILES
    assert report.read + report.refused == FILES
    assert report.refused > 0
    assert report.peak_mib <= kind.memory_mib


def test_names_of_formats_are_their_own():
    names = [kind.name for kind in FORMATS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_number_is_the_same_file(kind):
    seeds = tuple(seeds_within_limits(kind.make()).values())
    assert damaged(kind, seeds, 3, 17) == damaged(kind, seeds, 3, 17)
    contents = {damaged(kind, seeds, 0, index)[1] for index in range(40)}
    assert len(contents) > 30
    assert all(len(content) <= 1 << 18 for content in contents)


def refusing(path: Path) -> None:
    raise DataError(path, "it is broken", "", "line 1")


def watched(read, **more):
    def reader(path: Path) -> None:
        if path.read_bytes() != SEEDS[0].content:
            read(path)

    return Format("toy", lambda: SEEDS, reader, "text", **more)


def test_what_is_read_and_refused_is_counted(tmp_path):
    report = run(watched(refusing), 40, tmp_path / "desk", batch=7)
    assert report.files == 40
    assert report.refused == report.placed == 40 - report.read
    assert not report.findings
    assert "| toy | 40 |" in summary([report])


def _misread(path):
    raise Misread("the second number differs")


def _other(path):
    raise KeyError("x")


def _slow(path):
    while True:
        pass


def _large(path):
    return bytearray(200 << 20)


def _nameless(path):
    raise DataError("the file", "it is broken")


def _reasonless(path):
    raise DataError(path)


def _crash(path):
    os.abort()


def _blocked(path):
    time.sleep(30)


def _elsewhere(path):
    (path.parent.parent.parent / "escaped").write_text("x")


def _linked(path):
    (path.parent / "link").symlink_to("/etc/passwd")


def _left(path):
    (path.parent / "half").write_text("x")
    raise DataError(path, "it is broken")


def _spawned(path):
    os.system("true")


def _connected(path):
    with socket.socket() as line:
        line.connect(("127.0.0.1", 9))


def _unpickled(path):
    import pickle  # noqa: PLC0415

    pickle.loads(b"cos\nsystem\n.")


NOTICED = {
    "a wrong result": (_misread, "misread: the second number differs"),
    "another exception": (_other, "KeyError: 'x'"),
    "an endless loop": (_slow, "more than 0.2 s"),
    "too much memory": (_large, "more memory than the bound"),
    "an error without the file": (_nameless, "refused badly: the file is not named"),
    "an error without a reason": (_reasonless, "refused badly: no reason"),
    "a crash": (_crash, "the process ended with signal SIGABRT"),
    "a wait without end": (_blocked, "no progress in 1 s"),
    "a file elsewhere": (_elsewhere, "Escaped: open"),
    "a link out of the folder": (_linked, "Escaped: os.symlink"),
    "half a result": (_left, "left behind: ['half']"),
    "a program": (_spawned, "Escaped: os.system"),
    "a connection": (_connected, "Escaped: socket.connect"),
    "a pickle": (_unpickled, "Escaped: pickle.find_class"),
}


@pytest.mark.parametrize(("reader", "found"), NOTICED.values(), ids=NOTICED)
def test_the_run_notices(reader, found, tmp_path):
    report = run(watched(reader), 2, tmp_path / "desk", limits=Limits(0.2, 1))
    assert report.files == 2
    assert [found in finding.what for finding in report.findings] == [True] * len(report.findings)
    assert len(report.findings) >= 1
    assert report.findings[0].index in (0, 1)
    assert not (tmp_path / "escaped").exists()


def _flat(kind: str, shape: tuple[int, ...], dtype: type) -> bytes:
    content = picture(
        np.zeros(shape, dtype), kind, **{"compress_level": 9} if kind == "PNG" else {}
    )
    assert 10_000 < len(content) <= LARGEST_SEED
    return content


LARGEST_IMAGES = {
    "grey PNG": (read_colour, lambda: _flat("PNG", (4200, 4500), np.uint8)),
    "colour PNG": (read_colour, lambda: _flat("PNG", (2400, 2600, 3), np.uint8)),
    "depth PNG": (read_depth, lambda: _flat("PNG", (2900, 3100), np.uint16)),
    "JPEG": (read_colour, lambda: _flat("JPEG", (1000, 1100, 3), np.uint8)),
}


@pytest.mark.parametrize(("read", "content"), LARGEST_IMAGES.values(), ids=LARGEST_IMAGES)
def test_the_largest_image_of_20_kb_stays_within_the_stated_memory(read, content, tmp_path):
    """Damage seldom makes such an image: here it is, read where no more memory can be had."""
    (bound,) = {one.memory_mib for one in FORMATS if one.name in ("colour", "depth")}
    path = tmp_path / "0.png"
    path.write_bytes(content())
    child = os.fork()
    if child == 0:
        try:
            limit_growth(bound)
            os._exit(0 if read(path).size else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_undamaged_example_that_is_refused_is_a_finding(tmp_path):
    report = run(Format("toy", lambda: SEEDS, refusing, "text"), 3, tmp_path / "desk")
    assert report.findings[0].index == -1


def test_a_seed_beyond_the_limit_is_no_seed():
    with pytest.raises(ValueError, match="too large"):
        seeds_within_limits(one_file("a", a=bytes(20_001)))
