"""What of the stages that cells share is in the store."""

import os
import shutil
from pathlib import Path

import pytest

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.seen import WatchedDataset, notes_of
from hcfres.pipeline.stage_count import StageCount
from hcfres.pipeline.survey import asked_scenes, survey
from hcfres.pipeline.text import text_job
from hcfres.store.entry import RECORD
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace


@pytest.fixture
def workspace(rooms: Dataset, tmp_path: Path) -> Workspace:
    shutil.copytree(rooms.root, tmp_path / "data" / "rooms")
    return Workspace(tmp_path)


def root(workspace: Workspace) -> Path:
    return workspace.data / "rooms"


def make(workspace: Workspace, setting: SettingConfig, method: MethodConfig, *stages: str) -> None:
    """Put stages of the training room into the store, as a run does."""
    dataset = WatchedDataset(root(workspace), notes_of(root(workspace), workspace.store))
    made = Preparation(Store(workspace.store), Machine(workspace.weights))
    jobs = SceneJobs(dataset, "scene0000_00", setting, method, made)
    for stage in stages:
        getattr(jobs, stage).run()


def counts(
    workspace: Workspace, setting: SettingConfig, *methods: MethodConfig, accept: bool = False
) -> dict[str, StageCount]:
    found = survey(root(workspace), setting, methods, workspace, accept)
    return {count.stage: count for count in found}


def states(count: StageCount) -> tuple[int, int, int, int]:
    return count.done, count.missing, count.stopped, count.unsure


def test_an_empty_store_has_everything_still_to_make(workspace, smoke, hcf_res, mdin) -> None:
    found = counts(workspace, smoke, mdin)
    assert list(found) == ["superpoints", "text"]
    found = counts(workspace, smoke, hcf_res, mdin)
    assert list(found) == [
        "superpoints", "masks", "tokens", "instances", "dense_operator", "instance_operator",
        "dense", "instance", "text",
    ]  # fmt: skip
    assert {states(count) for count in found.values()} == {(0, 2, 0, 0)}
    assert {(count.results, count.seconds) for count in found.values()} == {(2, None)}


def test_what_is_made_is_found_by_its_exact_key_without_reading_a_scan(
    workspace, smoke, hcf_res, monkeypatch
) -> None:
    make(workspace, smoke, hcf_res, "masks", "instance")
    monkeypatch.setattr("hcfres.store.files.fresh_hash", lambda path: pytest.fail(f"read {path}"))
    monkeypatch.setattr("hcfres.data.dataset.file_hash", lambda path: pytest.fail(f"read {path}"))
    found = counts(workspace, smoke, hcf_res)
    made = {"superpoints", "masks", "tokens", "instances", "instance_operator", "instance"}
    assert {name for name, count in found.items() if count.done} == made
    for name in made:
        assert states(found[name]) == (1, 1, 0, 0)
        assert found[name].seconds is not None and found[name].size is not None
    other = smoke.model_copy(update={"masks": smoke.masks.model_copy(update={"min_area_px": 9})})
    assert states(counts(workspace, other, hcf_res)["masks"]) == (0, 2, 0, 0)
    assert states(counts(workspace, other, hcf_res)["tokens"]) == (1, 1, 0, 0)


def test_what_scans_were_changed_after_is_never_called_done(workspace, smoke, hcf_res) -> None:
    make(workspace, smoke, hcf_res, "superpoints", "masks")
    image = next((root(workspace) / "frames" / "scene0000_00" / "color").iterdir())
    os.utime(image, ns=(0, 0))
    found = counts(workspace, smoke, hcf_res)
    assert states(found["superpoints"]) == (1, 1, 0, 0)
    assert states(found["masks"]) == (0, 1, 0, 1)
    assert states(found["tokens"]) == (0, 2, 0, 0)


def test_methods_that_need_the_same_share_it_and_others_do_not(workspace, smoke, hcf_res) -> None:
    assert hcf_res.semantics is not None
    wider = hcf_res.model_copy(
        update={
            "name": "wider",
            "semantics": hcf_res.semantics.model_copy(update={"blur_sigma_cells": 0.5}),
        }
    )
    found = counts(workspace, smoke, hcf_res, wider)
    assert found["masks"].results == found["superpoints"].results == found["text"].results == 2
    assert found["instances"].results == found["instance"].results == 4
    make(workspace, smoke, hcf_res, "instance")
    found = counts(workspace, smoke, hcf_res, wider)
    assert states(found["masks"]) == (1, 1, 0, 0)
    assert states(found["instance"]) == (1, 3, 0, 0)


def test_other_code_stops_an_expensive_stage_and_makes_a_cheap_one_anew(
    workspace, smoke, hcf_res
) -> None:
    make(workspace, smoke, hcf_res, "superpoints", "masks")
    for stage in ("superpoints", "masks"):
        (path,) = (workspace.store / stage).glob(f"*/{RECORD}")
        lines = path.read_text().splitlines()
        told = ["fingerprint = 'x'" if it.startswith("fingerprint") else it for it in lines]
        path.write_text("\n".join(told))
    found = counts(workspace, smoke, hcf_res)
    assert states(found["superpoints"]) == (0, 2, 0, 0)
    assert states(found["masks"]) == (0, 1, 1, 0)
    accepted = counts(workspace, smoke, hcf_res, accept=True)
    assert states(accepted["superpoints"]) == (0, 2, 0, 0)
    assert states(accepted["masks"]) == (1, 1, 0, 0)


def test_sentences_are_known_by_their_words(workspace, smoke, mdin) -> None:
    dataset = Dataset(root(workspace))
    asked = asked_scenes(dataset, smoke.data.expressions)
    assert list(asked) == ["scene0000_00", "scene0700_00"]
    made = Preparation(Store(workspace.store), Machine(workspace.weights))
    text_job("scene0700_00", asked["scene0700_00"], smoke.text, made).run()
    assert states(counts(workspace, smoke, mdin)["text"]) == (1, 1, 0, 0)


def test_means_are_of_what_is_there(workspace, smoke, mdin) -> None:
    make(workspace, smoke, mdin, "superpoints")
    (folder,) = (workspace.store / "superpoints").iterdir()
    count = counts(workspace, smoke, mdin)["superpoints"]
    assert count.size == (folder / "value.safetensors").stat().st_size
    text = (folder / RECORD).read_text()
    assert f"seconds = {count.seconds}" in text


def test_a_dataset_that_is_not_there_cannot_be_counted(workspace, smoke, mdin) -> None:
    shutil.rmtree(root(workspace))
    with pytest.raises(DataError, match="there is no dataset"):
        counts(workspace, smoke, mdin)
