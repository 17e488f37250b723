"""Damaged files of every format, each read correctly or refused with one error: the full run.

    OMP_NUM_THREADS=1 python benchmarks/fuzz.py [--format ply] [--files 20000] [--seed 0]

The file numbered N of a seed is always the same one: `--first N --files 1 --keep FOLDER` puts it
into FOLDER to be looked at. The last table is also written to `--table`. Ends with 1 where
anything was found.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # others reserve gigabytes ahead

from tests.fuzz.campaign import Report, damaged, run, summary
from tests.fuzz.format import Format
from tests.fuzz.formats import FORMATS


def main() -> None:
    """Run the chosen formats one after the other and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", action="append", choices=[one.name for one in FORMATS])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--table", type=Path)
    chosen = parser.parse_args()
    reports: list[Report] = []
    for kind in FORMATS:
        if chosen.format and kind.name not in chosen.format:
            continue
        if chosen.keep:
            _keep(kind, chosen.keep, chosen.seed, range(chosen.first, chosen.first + chosen.files))
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            report = run(kind, chosen.files, Path(folder) / "desk", chosen.seed, first=chosen.first)
        reports.append(report)
        for finding in report.findings[:10]:
            sys.stdout.write(f"{finding}\n")
        sys.stdout.write(summary([report]).splitlines()[2] + "\n")
        sys.stdout.flush()
        if chosen.table:
            chosen.table.write_text(summary(reports))
    sys.stdout.write("\n" + summary(reports))
    raise SystemExit(any(report.findings for report in reports))


def _keep(kind: Format, folder: Path, run_seed: int, indices: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in indices:
        seed, content, how = damaged(kind, kind.make(), run_seed, index)
        path = folder / f"{kind.name}-{index}-{how}-{Path(seed.target).name}"
        path.write_bytes(content)


if __name__ == "__main__":
    main()
