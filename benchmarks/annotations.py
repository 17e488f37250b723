"""Loading annotations against a plain reading of the same file, each in a process of its own.

    OMP_NUM_THREADS=1 python benchmarks/annotations.py [--entries 50000] [--scenes 700]

ScanRefer's and Multi3DRefer's JSON are held against json.load, Nr3D's and Sr3D's CSV against
csv.DictReader. `read` is the reader alone, every entry checked; `dataset` is what training asks
for: the scans' objects are read too and every target is looked up. One entry in a thousand is
wrong. Memory is the growth of the process's peak over what it had before. Ratios are of CPU
seconds, which other work on the machine disturbs least; the times are this machine's.
"""

import argparse
import csv
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcfres.data.aggregation import ObjectGroup, write_aggregation
from hcfres.data.annotations.annotations import Annotations
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.annotations.referit3d import read_referit3d
from hcfres.data.dataset import EXPRESSION_FILES, LABEL_TABLE, Dataset, Source
from hcfres.data.labels import LabelRow, LabelTable, read_labels, write_labels

OBJECTS = 40
"""Of a scene."""
NAMES = ("chair", "table", "office chair", "trash can", "door", "cabinet", "pillow", "monitor")
WORDS = (
    "this",
    "is",
    "the",
    "brown",
    "wooden",
    "thing",
    "next",
    "to",
    "under",
    "window",
    "left",
    "of",
)


def main() -> None:
    """Write the files, read them each way, and print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--scenes", type=int, default=700)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "scannet"
        write_scans(root, options.scenes)
        for source, write in WRITERS.items():
            apart(write, root / named(source), options.entries, options.scenes)
            report(source, root, options.entries)


def report(source: Source, root: Path, entries: int) -> None:
    """Read one file three ways and print a table."""
    path = root / named(source)
    wrong = sum(number % 1000 == 999 for number in range(entries))
    lines = [f"{path.name}: {entries} entries, {path.stat().st_size / 1e6:.1f} MB"]
    plain = best(plainly, source, path)
    name = "json.load" if path.suffix == ".json" else "csv.DictReader"
    lines.append(f"  {name:15}{plain}")
    for title, way in (("read", checked), ("dataset", looked_up)):
        run = best(way, source, path)
        lines.append(f"  {title:15}{run}  {run.cpu_s / plain.cpu_s:5.1f} x {name}")
        if run.counts != (entries - wrong, wrong):
            raise SystemExit(f"{run.counts} entries used and left out, {wrong} are wrong")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def plainly(source: Source, path: Path) -> tuple[int, int]:
    """Everything in the file, nothing checked."""
    with path.open(newline="") as file:
        rows = json.load(file) if path.suffix == ".json" else list(csv.DictReader(file))
    return len(rows), 0


def checked(source: Source, path: Path) -> tuple[int, int]:
    """The reader alone."""
    if source == "multi3drefer":
        return counts(read_multi3drefer(path))
    if source == "scanrefer":
        return counts(read_scanrefer(path, read_labels(path.parent / LABEL_TABLE)))
    return counts(read_referit3d(path, source))


def looked_up(source: Source, path: Path) -> tuple[int, int]:
    """With every target looked up in its scan's objects."""
    return counts(Dataset(path.parent).annotations(source, "train"))


def counts(found: Annotations) -> tuple[int, int]:
    """Entries used and left out."""
    return len(found.expressions), len(found.rejected)


@dataclass(frozen=True)
class Run:
    """One reading of a file."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    """Growth of the process's peak."""
    counts: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.cpu_s:7.3f} s CPU {self.wall_s:7.3f} s {self.peak_mb:6.0f} MB"


def best(way: Callable[..., Any], source: Source, path: Path) -> Run:
    """The quickest of three runs."""
    runs = [apart(measured, way, source, path) for _ in range(3)]
    return min(runs, key=lambda run: run.cpu_s)


def apart(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a process of its own: a process starts with its parent's peak of memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(task, arguments)


def measured(way: Callable[..., Any], source: Source, path: Path) -> Run:
    """Read once."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    found = way(source, path)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Run(cpu, wall, peak / 1024, found)


def named(source: Source) -> str:
    """The file of the training split."""
    return EXPRESSION_FILES[source].format(split="train")


def scene(number: int, scenes: int) -> str:
    """Scenes in turn."""
    return f"scene{number % scenes:04}_00"


def label(object_id: int) -> str:
    """Of an object of any scene."""
    return NAMES[object_id % len(NAMES)]


def sentence(rng: random.Random) -> str:
    """Twenty words, ScanRefer's mean."""
    return " ".join(rng.choices(WORDS, k=20)) + "."


def write_scans(root: Path, scenes: int) -> None:
    """Lists, labels, and the objects of every scene."""
    root.mkdir()
    rows = tuple(LabelRow(i, name, name, 3 + i) for i, name in enumerate(NAMES, 1))
    write_labels(root / LABEL_TABLE, LabelTable(rows))
    groups = tuple(
        ObjectGroup(i, label(i), tuple(range(i * 15, i * 15 + 15))) for i in range(OBJECTS)
    )
    for number in range(scenes):
        name = scene(number, scenes)
        write_aggregation(root / "scans" / name / f"{name}.aggregation.json", name, groups)
    (root / "scannetv2_train.txt").write_text("\n".join(scene(n, scenes) for n in range(scenes)))
    (root / "scannetv2_val.txt").write_text("scene9999_00\n")


def write_scanrefer(path: Path, entries: int, scenes: int) -> None:
    """Five descriptions an object; a wrong entry lacks its words."""
    rng, found = random.Random(0), []
    for number in range(entries):
        object_id = number // scenes % OBJECTS
        words = "" if number % 1000 == 999 else sentence(rng)
        entry = {"scene_id": scene(number, scenes), "object_id": str(object_id)}
        entry |= {"object_name": label(object_id).replace(" ", "_")}
        entry |= {"ann_id": str(number // scenes // OBJECTS), "description": words}
        found.append(entry | {"token": words.split()})
    path.write_text(json.dumps(found, indent=4))


def write_multi3drefer(path: Path, entries: int, scenes: int) -> None:
    """No, one or two targets in turn; a wrong entry has no eval_type."""
    rng, found = random.Random(0), []
    for number in range(entries):
        ids = [number // scenes % OBJECTS, (number // scenes + 8) % OBJECTS][: number % 3]
        entry: dict[str, Any] = {"scene_id": scene(number, scenes), "object_ids": ids}
        entry |= {"object_name": "chair", "ann_id": number // scenes}
        entry |= {"eval_type": ("zt_w_d", "st_w_d", "mt")[number % 3]}
        entry |= {"description": sentence(rng), "spatial": True, "color": False}
        if number % 1000 == 999:
            del entry["eval_type"]
        found.append(entry | {"texture": False, "shape": False})
    path.write_text(json.dumps(found))


def write_table(path: Path, entries: int, scenes: int) -> None:
    """Nr3D's columns, and Sr3D's that are read; a wrong row asks for another object."""
    rng, found = random.Random(0), []
    for number in range(entries):
        target, words = number // scenes % OBJECTS, sentence(rng)
        asked = target + (number % 1000 == 999)
        name = scene(number, scenes)
        found.append(
            {
                "assignmentid": number,
                "stimulus_id": f"{name}-{label(target).replace(' ', '_')}-2-{asked}-{target + 8}",
                "utterance": words,
                "correct_guess": True,
                "speaker_id": 1,
                "listener_id": 2,
                "scan_id": name,
                "instance_type": label(target),
                "target_id": target,
                "tokens": words.split(),
                "dataset": path.stem,
                "mentions_target_class": True,
                "uses_object_lang": True,
                "uses_spatial_lang": True,
                "uses_color_lang": False,
                "uses_shape_lang": False,
                "coarse_reference_type": "horizontal",
            }
        )
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(found[0]))
        table.writeheader()
        table.writerows(found)


WRITERS: dict[Source, Callable[[Path, int, int], None]] = {
    "scanrefer": write_scanrefer,
    "multi3drefer": write_multi3drefer,
    "nr3d": write_table,
    "sr3d": write_table,
}


if __name__ == "__main__":
    main()
