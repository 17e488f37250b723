"""What a search's plan says of the stages that its methods share, of time, devices and disk."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from flows.datasets import dataset_folder
from flows.planning.shared_stages import SharedStages
from flows.search import plan as planning
from flows.search.plan import search_plan
from flows.search.plan_view import show
from flows.search.trials import Trial
from hcfres.data.rooms.build import make_rooms
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.seen import WatchedDataset, notes_of
from hcfres.pipeline.stage_count import StageCount
from hcfres.store.store import Store
from tests.flows.fabricated import CODE, finish
from tests.flows.searches import SMALL, cells_in, learn

LAYERS = SMALL.split("[space]")[0] + (
    "[space]\nsemantics.layer = { choices = [-2, -1] }\ndecoder.layers = { choices = [6, 1] }\n"
)
"""CLIP's tokens are of one layer or another, and made for each; a decoder reads the same ones."""
TWO = ("cpu", "cpu")


def said(plan):
    console = Console(width=200, file=io.StringIO(), record=True)
    show(plan, console)
    return console.export_text()


def make_superpoints(cells, scene):
    """Make the rooms, and the superpoints of one."""
    setting, workspace = cells.setting, cells.workspace
    root = dataset_folder(setting, workspace)
    make_rooms(setting.data.rooms, root, lambda done, total, name: None)
    dataset = WatchedDataset(root, notes_of(root, workspace.store))
    ready = Preparation(Store(workspace.store), Machine(workspace.weights))
    SceneJobs(dataset, scene, setting, cells.search.space.base, ready).superpoints.run()


@pytest.mark.slow
def test_the_stages_of_the_base_and_of_its_neighbours_are_counted_each_once(tmp_path):
    cells = cells_in(tmp_path, LAYERS, devices=TWO)
    make_superpoints(cells, "scene0000_00")
    stages = {stage.stage: stage for stage in search_plan(cells, (), 4).stages}
    scenes = stages["rooms"].results
    assert (stages["rooms"].done, scenes) == (3, 3)
    assert (stages["superpoints"].results, stages["superpoints"].done) == (3, 1)
    assert stages["superpoints"].missing == 2
    assert stages["masks"].missing == scenes
    assert stages["text"].missing == scenes
    assert stages["tokens"].missing > scenes  # of either layer, as far as the keys are known


def test_stages_are_looked_for_once_for_each_way_of_reading_frames(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        planning, "shared_stages", lambda plan, _: asked.append(plan) or SharedStages((), {})
    )
    cells = cells_in(tmp_path, LAYERS)
    search_plan(cells, (), 4)
    base = cells.search.space.base
    methods = [cell.cell.method for cell in asked[0].todo]
    assert methods[0] == base
    assert sorted(method.semantics.layer for method in methods) == [-2, -1]
    assert {method.decoder for method in methods} == {base.decoder}


def test_what_stages_take_is_part_of_the_estimate(tmp_path, monkeypatch):
    cells = cells_in(tmp_path, devices=TWO)
    counts = (
        StageCount("masks", 4, 1, 3, 0, 0, 10.0, 1000.0),
        StageCount("text", 4, 2, 2, 0, 0, None, None),
    )
    monkeypatch.setattr(planning, "shared_stages", lambda *_: SharedStages(counts, {}, ("so",)))
    plan = search_plan(cells, (), 4)
    # 3 results of 10 s on 2 workers: 2 rounds
    assert (plan.estimate.wall_s, plan.estimate.device_s, plan.estimate.size) == (20, 30, 3000)
    assert plan.estimate.not_counted == ("text (2)", "cells (6)")
    learn(cells.planned(next(iter(cells.search.space.points())), ""), 0.5)
    size = sum(path.stat().st_size for path in cells.workspace.cells.rglob("*") if path.is_file())
    plan = search_plan(cells, (), 4)
    # and cells of 60 s: 4 trials in 2 rounds, then 2 with further seeds in 1
    assert plan.estimate.wall_s == 20 + 3 * 60
    assert plan.estimate.device_s == 30 + 6 * 60
    assert plan.estimate.size == 3000 + 6 * size
    assert plan.estimate.not_counted == ("text (2)",)
    assert plan.disk.free > 0 and plan.disk.fits
    told = said(plan)
    assert "masks" in told and "30 s" in told
    assert "note: so" in told
    assert "3 min on 2 workers (6 min of one device), " in told
    assert "not counted: text (2)" in told


def test_before_anything_was_measured_there_is_no_estimate(tmp_path):
    plan = search_plan(cells_in(tmp_path), (), 4)
    assert (plan.estimate.wall_s, plan.estimate.device_s, plan.estimate.size) == (None, None, None)
    assert plan.disk.fits is None
    assert {stage.missing for stage in plan.stages} == {3}
    assert "nothing of this setting was measured here yet" in said(plan)


def test_a_search_with_nothing_left_reads_no_stage(tmp_path):
    cells = cells_in(tmp_path)
    values = next(iter(cells.search.space.points()))
    for seed in (1999, 2000):
        learn(cells.planned(values, "", seed), 0.5)
    key = cells.planned(values, "").key
    plan = search_plan(cells, (Trial(0, "done", values, key, 0.5, None, "base", None, ""),), 1)
    assert (plan.stages, plan.trials_left, plan.more_seeds) == ((), 0, 0)
    assert (plan.estimate.wall_s, plan.estimate.size) == (0, 0)
    assert said(plan).rstrip().endswith("1 of 1 trials asked for (1 done); nothing to run")


def test_finished_cells_that_would_be_trained_anew_are_counted_and_said(tmp_path):
    cells = cells_in(tmp_path)
    first, second, third = list(cells.search.space.points())[:3]
    for values, seed, code in (
        (first, 1999, "last week's"),
        (second, 2000, "last week's"),
        (third, 7, "last week's"),
        (third, 1999, CODE),
    ):
        planned = cells.planned(values, "", seed)
        learn(planned, 0.5, code)
        finish(planned, {"val/all/miou": 0.5}, code)
    plan = search_plan(cells, (), 4)
    (told,) = [line for line in plan.remarks if "other code made" in line]
    assert "lie in the space: 2. Each that the search asks for is trained anew" in told
    assert told in " ".join(said(plan).split())
    accepting = replace(cells, accept_code=True)
    assert not any("other code made" in line for line in search_plan(accepting, (), 4).remarks)


@pytest.mark.parametrize("state", ["failed", "running", "waiting"])
def test_trials_that_are_to_be_tried_again_or_seen_through_are_left(tmp_path, state):
    cells = cells_in(tmp_path)
    values = next(iter(cells.search.space.points()))
    key = cells.planned(values, "").key
    plan = search_plan(cells, (Trial(0, state, values, key, None, None, "base", None, ""),), 1)
    assert plan.trials_left == 1
    assert "1 of these to see through or try again" in said(plan)


@pytest.mark.parametrize(
    ("knobs", "uncounted"),
    [
        ("semantics.layer = { choices = [-2, -1] }", False),
        ("semantics.layer = { low = -2, high = -1, log = false }", False),
        ("semantics.blur_sigma_cells = { low = 0.1, high = 0.5, log = false }", True),
        (
            "semantics.layer = { choices = [-2, -1] }\n"
            "semantics.blur_sigma_cells = { choices = [0.25, 0.5] }",
            True,
        ),
    ],
)
def test_features_of_other_values_than_those_that_are_counted_are_said_not_to_be(
    tmp_path, knobs, uncounted
):
    text = SMALL.split("[space]")[0] + f"[space]\n{knobs}\n"
    plan = search_plan(cells_in(tmp_path, text), (), 4)
    told = [one for one in plan.estimate.not_counted if one.startswith("features with other")]
    assert bool(told) is uncounted
