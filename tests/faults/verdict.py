"""What must be true when a round is over; each check gives what is wrong, in words."""

import json
import socket
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.faults.grid import SETTING
from tests.faults.ground import Ground
from tests.faults.outcome import read_outcome
from tests.faults.reference import Reference
from tests.faults.victims import processes_of, told
from tests.faults.watch import Watch

EPOCHS: int = tomllib.loads(SETTING.read_text())["training"]["epochs"]
_ENDED = {"superseded": ("FINISHED", "KILLED")}
"""How a run may have ended that is not FINISHED, by its kind."""


def judge(ground: Ground, reference: Reference, watch: Watch) -> list[str]:
    """All that is wrong after the last, plain run."""
    workspace = ground.workspace
    return [
        *reference.outcome.differences(read_outcome(workspace)),
        *repeated(watch.declared(), ground.healed),
        *retrained(watch.epochs(), ground.retrained),
        *untidy_runs(ground.store.client(workspace), workspace),
        *left_behind(ground, watch.ports),
        *partials(workspace),
    ]


def repeated(declared: Counter[str], healed: Counter[str]) -> list[str]:
    """Cells that were run to their end more often than faults made necessary."""
    return [
        f"cell {key} was run to its end {count} times, {healed[key]} damages"
        for key, count in declared.items()
        if count > 1 + healed[key]
    ]


def retrained(epochs: Counter[str], damaged: Counter[str]) -> list[str]:
    """Cells of which more epochs were trained than faults made necessary.

    An epoch that a kill cut short has no checkpoint, and does not count.
    """
    return [
        f"cell {key}: {count} epochs of {EPOCHS} were trained, {damaged[key]} damages"
        for key, count in epochs.items()
        if count > EPOCHS * (1 + damaged[key])
    ]


def untidy_runs(client: MlflowClient, workspace: Path) -> list[str]:
    """Runs that are still open, are there twice, or do not say what the disk says."""
    experiment = client.get_experiment_by_name("hcfres")
    if experiment is None:
        return ["nothing was tracked"]
    runs = list(client.search_runs([experiment.experiment_id], max_results=1000))
    wrong = not_ended(runs)
    names = Counter((_kind(run), run.info.run_name) for run in runs if _kind(run) != "superseded")
    wrong += [
        f"{count} runs are {kind} {name!r}" for (kind, name), count in names.items() if count > 1
    ]
    wrong += [f"{sum(_kind(run) == 'grid' for run in runs)} runs of the grid"] * (
        sum(_kind(run) == "grid" for run in runs) != 1
    )
    cells = {run.data.tags["hcfres.cell_key"]: run for run in runs if _kind(run) == "cell"}
    for folder in (path.parent for path in workspace.glob("cells/*/DONE.json")):
        if folder.name in cells:
            wrong += _unlike_disk(client, cells[folder.name], folder)
        else:
            wrong.append(f"cell {folder.name} has no run")
    return wrong


def not_ended(runs: Sequence[Run]) -> list[str]:
    """Runs that are still open, or ended as none of their kind may."""
    return [
        f"run {run.info.run_id} ({_kind(run)}, {run.info.run_name!r}) is {run.info.status}"
        for run in runs
        if run.info.status not in _ENDED.get(_kind(run), ("FINISHED",))
    ]


def left_behind(ground: Ground, ports: set[int]) -> list[str]:
    """Processes and ports that the grid did not take with it."""
    found = ground.orphans() or processes_of(ground.workspace)
    wrong = [f"still there: {told(found)}"] if found else []
    return wrong + [f"port {port} still answers" for port in sorted(ports) if _answers(port)]


def partials(workspace: Path) -> list[str]:
    """Unfinished files that nobody cleaned up."""
    found = [path for path in workspace.rglob("*.partial")]
    return [f"left over: {path.relative_to(workspace)}" for path in sorted(found)]


def _kind(run: Run) -> str:
    return str(run.data.tags.get("hcfres.kind", "of no kind"))


def _unlike_disk(client: MlflowClient, run: Run, folder: Path) -> list[str]:
    metrics = json.loads((folder / "results.json").read_text())["metrics"]
    other = [name for name, value in metrics.items() if run.data.metrics.get(name) != value]
    wrong = [f"run of {folder.name} says otherwise of {other[:3]}"] if other else []
    steps = [one.step for one in client.get_metric_history(run.info.run_id, "train/total")]
    if sorted(steps) != list(range(EPOCHS)):
        wrong.append(f"run of {folder.name} has epochs {sorted(steps)}")
    return wrong


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        asked.settimeout(1.0)
        return asked.connect_ex(("127.0.0.1", port)) == 0
