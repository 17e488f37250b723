"""Seconds and memory of scoring stored predictions at the size of ScanNet's validation split.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py [--scenes 312] [--expressions 11120]

A file is synthesised once (`--keep FOLDER` keeps it): scenes of 150,000 vertices in 3,000
superpoints whose vertices lie in runs of about ten in the file's order, 128 queries an expression,
none to six of them fired. Then, in a process of its own and on one thread: everything that
`hcfres evaluate --from` makes of the file (point level, box F1, box F1 of distinct boxes), how much
of it is opening and checking, and the point level under other thresholds. Memory is the process's
peak after the first. The times are this machine's.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from hcfres.data.expression import EVAL_TYPES, Expression
from hcfres.data.scene import NO_OBJECT, Scene
from hcfres.evaluation.answers import SceneAnswers, SceneTruth, scene_truth, score
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.predictions import PredictionSource, PredictionWriter
from hcfres.evaluation.recompute import Thresholds, evaluate_file, read_parts

VERTICES, SUPERPOINTS, OBJECTS, QUERIES = 150_000, 3_000, 40, 128
RUN = 10
"""Vertices of one superpoint that follow each other in the file."""


def main() -> None:
    """Print one line for each step and the total."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=312)
    parser.add_argument("--expressions", type=int, default=11_120)
    parser.add_argument("--keep", type=Path, help="Folder of the file; made anew if not there.")
    parser.add_argument("--measure", type=Path, help="Measure this file in this process.")
    options = parser.parse_args()
    if options.measure:
        say(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.keep or Path(temporary)) / "predictions.parquet"
        if not path.exists():
            began = time.perf_counter()
            synthesise(path, options.scenes, options.expressions)
            say(f"synthesised in {time.perf_counter() - began:.0f} s")
        say(f"{options.expressions} expressions, {path.stat().st_size / 1e6:.0f} MB on the disk")
        command = [sys.executable, __file__, "--measure", str(path)]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, env=one_thread, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    for name, value in found.items():
        say(f"{name:<42}{value:8.2f}")


def synthesise(path: Path, scenes: int, expressions: int) -> None:
    """Write predictions of the given size."""
    rng = np.random.default_rng(0)
    name, split = "synthetic", ("multi3drefer", "1", "0" * 64, "val")
    source = PredictionSource(*split, "gres", 50, name, expressions)
    shares = np.diff(np.linspace(0, expressions, scenes + 1).astype(int))
    with PredictionWriter(path, source) as file:
        for number, count in enumerate(shares):
            truth = _truth(number, int(count), rng)
            answers = _answers(truth, rng)
            file.write(truth, answers, score(truth, answers.chosen, answers.answered, 50))


def _truth(number: int, count: int, rng: np.random.Generator) -> SceneTruth:
    labels = np.repeat(rng.integers(0, SUPERPOINTS, VERTICES // RUN), RUN)
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    owner = np.where(rng.random(SUPERPOINTS) < 0.7, rng.integers(0, OBJECTS, SUPERPOINTS), -1)
    owner[:OBJECTS] = np.arange(OBJECTS)
    scene = Scene(
        scene_id=f"scene{number:04d}_00",
        vertices=rng.random((VERTICES, 3)).astype(np.float32),
        colours=np.zeros((VERTICES, 3), np.uint8),
        faces=np.zeros((0, 3), np.int64),
        instances=np.where(owner[labels] < 0, NO_OBJECT, owner[labels]),
        semantics=np.zeros(VERTICES, np.int64),
        segments=None,
        objects=(),
    )
    asked = tuple(_expression(scene.scene_id, index, rng) for index in range(count))
    return scene_truth(scene, labels, asked)


def _expression(scene_id: str, index: int, rng: np.random.Generator) -> Expression:
    kind = EVAL_TYPES[rng.integers(len(EVAL_TYPES))]
    count = {"zt": 0, "st": 1, "mt": 3}[kind[:2]]
    targets = tuple(int(i) for i in rng.choice(OBJECTS, count, replace=False))
    said = "the chair beside the window, the one nearest to the door"
    return Expression("multi3drefer", scene_id, targets, index, "chair", said, kind, *(False,) * 4)


def _answers(truth: SceneTruth, rng: np.random.Generator) -> SceneAnswers:
    """One to six queries fire, each of them nearly one object's superpoints."""
    count, width = len(truth.expressions), truth.sizes.size
    owner = np.full(width, NO_OBJECT)
    owner[truth.labels] = truth.scene.instances
    indicators = (rng.random((count, QUERIES)) / 2).astype(np.float32)
    logits = np.zeros((count, QUERIES, width), np.float32)
    union = np.full((count, width), -8, np.float32)
    for row in range(count):
        for query in rng.choice(QUERIES, rng.integers(0, 7), replace=False):
            indicators[row, query] = 0.5 + rng.random() / 2 + 1e-3
            near = (owner == rng.integers(OBJECTS)) ^ (rng.random(width) < 0.005)
            logits[row, query] = np.where(near, 2.0, -2.0)
            union[row] = np.maximum(union[row], logits[row, query])
    return SceneAnswers(logits, indicators, indicators, indicators > 0.5, union)


def measure(path: Path) -> dict[str, float]:
    """Seconds of each step, and the peak of memory in MiB once everything was scored."""
    steps = {
        "everything in one pass, s": lambda: score_file(path),
        "of it opening and checking, s": lambda: list(map(len, _tables(path))),
        "point level, indicator above 0.7, s": lambda: evaluate_file(path, Thresholds(0.7)),
        "point level, mask logit from 0.5, s": lambda: evaluate_file(path, Thresholds(0.5, 0.5)),
    }
    found: dict[str, float] = {}
    for name, step in steps.items():
        before, busy = time.perf_counter(), time.process_time()
        step()
        found[name] = time.perf_counter() - before
        found[f"{name[:-3]}, processor s"] = time.process_time() - busy
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found.setdefault("peak memory, MiB", kib / 1024)
    return found


def _tables(path: Path) -> Iterator[pa.Table]:
    return (part.table for part in read_parts(path))


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
