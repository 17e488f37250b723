"""How long a plan takes, and asking again for what is finished.

    OMP_NUM_THREADS=1 python benchmarks/planning.py [--cells 10000]

Each line is a command as a person types it, in a process of its own: imports and the fingerprint of
the code are part of its time. Finished cells are written as if they had been trained.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.planning.plan import Plan
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import TABLE3, finish, small_plan

_TABLE = ["reproduce", "table3_ablation"]
_SMOKE = ["--setting", "smoke"]
_METRICS = {f"val/all/{name}": 0.5 for name in ("miou", "acc_25", "acc_50")}


def main() -> None:
    """Measure each case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000)
    cells = parser.parse_args().cells
    seeds = -(-cells // len(TABLE3.rows))
    many = ["--seeds", f"0-{seeds - 1}"]
    with tempfile.TemporaryDirectory() as folder:
        empty, few, full = (Path(folder) / name for name in ("empty", "few", "full"))
        say("plan of 4 cells, nothing there", empty, *_TABLE, "--plan")
        say(f"plan of {cells:,} cells, nothing there", empty, *_TABLE, "--plan", *many)
        million = ["--seeds", "0-249999"]
        say("1,000,000 cells, refused", empty, *_TABLE, "--plan", *million, code=2)
        finished(few, (1999,))
        say("4 finished cells asked again", few, *_TABLE, *_SMOKE)
        finished(full, tuple(range(seeds)))
        say(f"plan of {cells:,} finished cells", full, *_TABLE, *_SMOKE, "--plan", *many)
        say(f"{cells:,} finished cells asked again", full, *_TABLE, *_SMOKE, *many)


def finished(home: Path, seeds: tuple[int, ...]) -> Plan:
    """Fill a workspace with a finished grid that was logged."""
    plan = small_plan(Workspace(home), code=code_of_cells(), seeds=seeds)
    for cell in plan.cells:
        finish(cell, _METRICS, code=code_of_cells())
        (cell.folder / "LOGGED").touch()
    plan.folder.mkdir(parents=True)
    (plan.folder / "LOGGED").touch()
    return plan


def say(what: str, home: Path, *arguments: str, code: int = 0) -> None:
    """Run a command and print what it took."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        env=os.environ | {"HCFRES_HOME": str(home), "PREFECT_HOME": str(home / "prefect")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status) != code:
        sys.exit(f"{what}: {process.stderr.read().decode() if process.stderr else ''}")
    spent = used.ru_utime + used.ru_stime
    line = f"{what:<36} {wall:6.2f} s wall {spent:6.2f} s processor {used.ru_maxrss / 1000:6.0f} MB"
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
