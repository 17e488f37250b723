"""What Prefect is given to keep."""

import json

from flows.grid import reproduce
from flows.held import Held
from flows.search.flow import confirm
from flows.train import train_cells
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import small_plan

MOST = 524_288
"""Bytes of a flow run's parameters that Prefect's server takes."""


def test_a_grid_of_a_thousand_cells_is_not_too_much_for_prefect(tmp_path):
    plan = small_plan(Workspace(tmp_path), seeds=tuple(range(250)))
    for flow in (reproduce, train_cells):
        assert len(json.dumps(flow.serialize_parameters({"held": plan}))) > MOST
        assert flow.serialize_parameters({"held": Held(plan)}) == {"held": "<Held>"}


def test_the_further_seeds_of_many_candidates_are_not_too_much_for_prefect(tmp_path):
    cells = small_plan(Workspace(tmp_path), seeds=tuple(range(250))).cells
    assert len(json.dumps(confirm.serialize_parameters({"held": cells}))) > MOST
    assert confirm.serialize_parameters({"held": Held(cells)}) == {"held": "<Held>"}
