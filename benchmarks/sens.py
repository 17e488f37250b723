"""A `.sens` recording: random access and every-10th extraction against a plain sequential reading.

    OMP_NUM_THREADS=1 python benchmarks/sens.py [--frames 300] [--workers 2] [--rounds 3]

The recording is synthesised: noisy 640x480 depth as zlib, textured 1296x968 colour as JPEG, as in
ScanNet. The plain reading goes through the file from its start, reading and decoding both images
of every frame; it shares no code with the package. Each way runs in its own process and says its
own peak memory (the workers': the largest of them, sampled); of several rounds, in turn, the
fastest counts. Quote the ratios, on a busy machine those of CPU time; the rest is this machine's.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import random
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from hcfres.data.sens.extract import extract_frames
from hcfres.data.sens.recording import SensHeader, SensRecord, open_sens, write_sens

COLOUR_SIZE, DEPTH_SIZE = (968, 1296), (480, 640)
DIFFERENT = 10
"""Images that are made; the frames repeat them."""
EVERY = 10


def main() -> None:
    """Write the recording, run every way in turn, print seconds, ratios and peaks."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.sens"
        write_sens(path, header(), records(options.frames))
        size = path.stat().st_size
        ways: dict[str, tuple[Callable[..., int], tuple]] = {
            "import only": (nothing, ()),
            "sequential, every frame decoded": (sequential, (path,)),
            "sequential, bytes only": (sequential, (path, False)),
            "index only": (index_only, (path,)),
            "random access, 1 frame in 10": (random_access, (path,)),
            "every 10th extracted, 1 worker": (extract, (path, 1)),
            "every 10th again, all whole": (extract_again, (path, Path(folder) / "whole")),
            f"every 10th extracted, {options.workers} workers": (extract, (path, options.workers)),
        }
        extract_frames(path, Path(folder) / "whole", EVERY)
        measured = measure(ways, options.rounds)
    say(f"{options.frames} frames, {size / 1e6:.0f} MB; rounds {options.rounds}")
    titles = ("frames", "seconds", "of plain", "CPU s", "of plain", "peak MB", "workers MB")
    say(" " * 34 + "".join(f"{title:>11}" for title in titles))
    plain = measured["sequential, every frame decoded"]
    for name, run in measured.items():
        ratios = run.seconds / plain.seconds, run.cpu_seconds / plain.cpu_seconds
        times = f"{run.seconds:11.3f}{ratios[0]:11.3f}{run.cpu_seconds:11.3f}{ratios[1]:11.3f}"
        say(f"{name:34}{run.frames:11}{times}{run.peak_mb:11.0f}{run.workers_mb:11.0f}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@dataclass(frozen=True)
class Run:
    """What one way took: CPU with its workers', memory without; `workers_mb` of the largest."""

    frames: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    workers_mb: float


def measure(ways: dict[str, tuple[Callable[..., int], tuple]], rounds: int) -> dict[str, Run]:
    """Of each way the fewest seconds and the largest peaks of several rounds, in turn."""
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, values) in ways.items():
            found[name].append(in_child(work, values))
    return {
        name: Run(
            runs[0].frames,
            min(run.seconds for run in runs),
            min(run.cpu_seconds for run in runs),
            max(run.peak_mb for run in runs),
            max(run.workers_mb for run in runs),
        )
        for name, runs in found.items()
    }


def in_child(work: Callable[..., int], values: tuple) -> Run:
    """Run `work` in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(theirs, work, values))
    process.start()
    answer: Run = ours.recv()
    process.join()
    return answer


def child(pipe: Connection, work: Callable[..., int], values: tuple) -> None:
    """Time `work` and send what it took."""
    done, workers = threading.Event(), [0.0]
    watcher = threading.Thread(target=watch_workers, args=(done, workers))
    watcher.start()
    began, spent = time.perf_counter(), cpu_seconds()
    frames = work(*values)
    seconds, spent = time.perf_counter() - began, cpu_seconds() - spent
    done.set()
    watcher.join()
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    pipe.send(Run(frames, seconds, spent, int(peak) / 1024, max(workers)))


def cpu_seconds() -> float:
    """Of this process and its finished children."""
    return sum(os.times()[:4])


def watch_workers(done: threading.Event, found: list[float]) -> None:
    """Keep the resident memory of this process's largest child, in MB, until `done`."""
    while not done.wait(0.05):
        for worker in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(worker.memory_info().rss / 1e6)


def nothing() -> int:
    """What the imports alone take."""
    return 0


def sequential(path: Path, decoded: bool = True) -> int:
    """From the file's start to its end, a frame at a time."""
    with path.open("rb") as file:
        _, length = struct.unpack("<IQ", file.read(12))
        file.read(length + 64 * 4 + 2 * 4 + 5 * 4)
        (frames,) = struct.unpack("<Q", file.read(8))
        for _ in range(frames):
            *_, colour_bytes, depth_bytes = struct.unpack("<16f4Q", file.read(96))
            colour, depth = file.read(colour_bytes), file.read(depth_bytes)
            if decoded:
                with Image.open(io.BytesIO(colour)) as image:
                    np.asarray(image.convert("RGB"))
                np.frombuffer(zlib.decompress(depth), "<u2").reshape(DEPTH_SIZE)
    return int(frames)


def index_only(path: Path) -> int:
    """Open and close."""
    with open_sens(path) as sens:
        return len(sens)


def random_access(path: Path) -> int:
    """Open, and decode both images of a tenth of the frames, chosen at random."""
    with open_sens(path) as sens:
        chosen = random.Random(0).sample(range(len(sens)), len(sens) // EVERY)
        for number in chosen:
            sens.colour(number)
            sens.depth_m(number)
    return len(chosen)


def extract(path: Path, workers: int) -> int:
    """Into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        return extract_frames(path, Path(folder), EVERY, workers).written


def extract_again(path: Path, folder: Path) -> int:
    """Into a folder where everything is: what resuming costs."""
    return extract_frames(path, folder, EVERY).kept


def header() -> SensHeader:
    """ScanNet's usual camera."""
    colour, depth = np.eye(4), np.eye(4)
    colour[:2, :3] = (1170.187988, 0, 647.75), (0, 1170.187988, 483.75)
    depth[:2, :3] = (577.870605, 0, 319.5), (0, 577.870605, 239.5)
    return SensHeader(
        "StructureSensor", colour, np.eye(4), depth, np.eye(4),
        "jpeg", "zlib", COLOUR_SIZE, DEPTH_SIZE, 1000.0,
    )  # fmt: skip


def records(count: int) -> Iterator[SensRecord]:
    """Frames that repeat a few images."""
    rng = np.random.default_rng(0)
    images = [(colour_image(rng), depth_image(rng)) for _ in range(DIFFERENT)]
    for number in range(count):
        pose = np.eye(4)
        pose[0, 3] = 0.01 * number
        yield SensRecord(pose, 0, 0, *images[number % DIFFERENT])


def colour_image(rng: np.random.Generator) -> bytes:
    """Soft patches and the noise of a sensor, as JPEG."""
    patches = rng.integers(0, 256, (25, 33, 3), dtype=np.uint8)
    image = Image.fromarray(patches).resize(COLOUR_SIZE[::-1], Image.Resampling.BICUBIC)
    noisy = np.asarray(image) + rng.normal(0, 4, (*COLOUR_SIZE, 1))
    content = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=90)
    return content.getvalue()


def depth_image(rng: np.random.Generator) -> bytes:
    """A slanted floor with a millimetre or two of noise and holes, as zlib."""
    row, column = np.mgrid[: DEPTH_SIZE[0], : DEPTH_SIZE[1]]
    depth = 1000 + 4 * row + column + rng.normal(0, 1.5, DEPTH_SIZE)
    depth[rng.random(DEPTH_SIZE) < 0.02] = 0
    depth[:, :12] = 0
    return zlib.compress(np.rint(depth).astype("<u2").tobytes())


def say(line: str) -> None:
    """One line to the console."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
