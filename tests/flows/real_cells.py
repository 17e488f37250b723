"""Cells of the smallest setting that were really trained and evaluated, without a server."""

from pathlib import Path

import pytest

from flows import jobs
from flows.datasets import dataset_folder
from flows.planning.plan import Plan, write_plan
from hcfres.data.rooms.build import make_rooms
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import small_plan


def real_plan(workspace: Workspace, **asked) -> Plan:
    """Plan the smallest setting with today's code."""
    return small_plan(workspace, code=code_of_cells(), **asked)


def run_cells(root: Path, **asked) -> Plan:
    """Train and evaluate a plan's cells as workers do, one after the other, in this process."""
    workspace = Workspace(root)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HCFRES_HOME", str(root))  # where jobs look for the workspace
        return _run(workspace, **asked)


def _run(workspace: Workspace, **asked) -> Plan:
    plan = real_plan(workspace, **asked)
    rooms = dataset_folder(plan.setting, workspace)
    make_rooms(plan.setting.data.rooms, rooms, lambda done, total, name: None)
    for planned in plan.todo:
        cell = planned.cell.model_dump_json()
        planned.folder.mkdir(parents=True, exist_ok=True)
        jobs.train_cell(lambda event: None, cell, planned.key, False)
        jobs.evaluate_cell(lambda event: None, cell, planned.key, False)
    plan = real_plan(workspace, **asked)
    write_plan(plan)
    return plan
