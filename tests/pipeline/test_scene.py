import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hcfres.config.experiment import merge
from hcfres.config.loading import ConfigError, parse
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.pipeline.jobs import Event
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs, prepare_scene
from hcfres.pipeline.token_grid import TOWERS, grid_of, layer_problem
from hcfres.store.store import Store
from tests.pipeline.toys import ToySource

ALL = [
    "superpoints",
    "masks",
    "tokens",
    "dense_operator",
    "dense",
    "instances",
    "instance_operator",
    "instance",
]
OF_FRAMES = [name for name in ALL if name != "superpoints"]
OPERATORS = ["dense_operator", "instance_operator"]
LIFTED = ["dense", "instance"]

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
WITHOUT_TORCH = """
import sys
from pathlib import Path
from hcfres.config.files import load_any
from hcfres.data.dataset import Dataset
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.store import Store

data, store, experiments = map(Path, sys.argv[1:])
setting = load_any(experiments / "settings" / "smoke.toml")
method = load_any(experiments / "methods" / "hcf_res.toml")
jobs = SceneJobs(
    Dataset(data), "scene0000_00", setting, method, Preparation(Store(store), Machine(store))
)
assert jobs.missing() == (), [job.stage.name for job in jobs.missing()]
assert all(job.find().own_code for job in jobs.all)
code_of_cells()
assert not {"torch", "transformers", "open_clip"} & set(sys.modules)
"""


def _keys(
    root: Path,
    setting: SettingConfig,
    method: MethodConfig,
    changes: dict[str, Any] | None = None,
    source: ToySource | None = None,
) -> dict[str, str]:
    changes = changes or {}
    told = merge(setting.model_dump(mode="json", exclude_none=True), changes.get("setting", {}))
    of_method = method.model_dump(mode="json", exclude_none=True)
    jobs = SceneJobs(
        source or ToySource(),
        "scene0000_00",
        parse(told, SettingConfig, "setting"),
        parse(merge(of_method, changes.get("method", {})), MethodConfig, "method"),
        Preparation(Store(root), Machine(root)),
    )
    return {job.stage.name: job.key for job in jobs.all}


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"setting": {"superpoints": {"min_vertices": 7}}}, ["superpoints", *OPERATORS, *LIFTED]),
        (
            {"setting": {"sam": {"weights": "random:1"}}},
            ["masks", "instances", "instance_operator", "instance"],
        ),
        (
            {"setting": {"masks": {"nms_iou": 0.5}}},
            ["masks", "instances", "instance_operator", "instance"],
        ),
        ({"setting": {"clip": {"weights": "random:1"}}}, ["tokens", "instances", *LIFTED]),
        (
            {"setting": {"clip": {"model": "ViT-L-14-336-quickgelu"}}},
            ["tokens", "dense_operator", "instances", *LIFTED],
        ),
        ({"setting": {"lifting": {"radius_m": 0.1}}}, [*OPERATORS, *LIFTED]),
        ({"setting": {"data": {"frame_every": 2}}}, OF_FRAMES),
        ({"method": {"semantics": {"blur_sigma_cells": 1.0}}}, ["instances", "instance"]),
        ({"method": {"semantics": {"overlap": "weighted"}}}, ["instance_operator", "instance"]),
        (
            {"method": {"legacy": ["centre_crop"]}},
            ["tokens", "dense_operator", "instances", *LIFTED],
        ),
        (
            {"method": {"semantics": {"grid": "square"}}},
            ["tokens", "dense_operator", "instances", *LIFTED],
        ),
        ({"method": {"semantics": {"layer": -2}}}, ["tokens", "instances", *LIFTED]),
        ({"method": {"semantics": {"instance_space": "projected"}}}, ["instances", "instance"]),
        ({"method": {"semantics": {"least_sharpness": 9.0}}}, OF_FRAMES),
        ({"method": {"legacy": ["dilute_unseen"]}}, [*OPERATORS, *LIFTED]),
        ({"method": {"legacy": ["first_neighbours"]}}, [*OPERATORS, *LIFTED]),
        ({"method": {"legacy": ["target_indexing", "text_dropout"]}}, []),
        ({"method": {"fusion": {"across": "add"}, "losses": {"score": 9.0}}}, []),
        ({"method": {"name": "other", "title": "Other"}}, []),
        ({"setting": {"text": {"weights": "random:1"}, "size": {"dim": 32}}}, []),
        ({"setting": {"training": {"epochs": 9}, "min_points": 99, "seeds": [1, 2]}}, []),
        ({"setting": {"data": {"expressions": "scanrefer", "held_out": 0.5}}}, []),
    ],
    ids=str,
)
def test_a_change_makes_anew_what_depends_on_it_and_nothing_else(
    tmp_path: Path,
    smoke: SettingConfig,
    hcf_res: MethodConfig,
    changes: dict[str, Any],
    affected: list[str],
) -> None:
    before = _keys(tmp_path, smoke, hcf_res)
    after = _keys(tmp_path, smoke, hcf_res, changes)
    assert list(before) == ALL
    assert [name for name in ALL if before[name] != after[name]] == [
        name for name in ALL if name in affected
    ]


def test_other_data_makes_anew_what_is_seen_of_it(
    tmp_path: Path, smoke: SettingConfig, hcf_res: MethodConfig
) -> None:
    before = _keys(tmp_path, smoke, hcf_res)
    frames = _keys(tmp_path, smoke, hcf_res, source=ToySource(frames_content="other"))
    scene = _keys(tmp_path, smoke, hcf_res, source=ToySource(scene_content="other"))
    assert [n for n in ALL if before[n] != frames[n]] == OF_FRAMES
    unseen = ["masks", "tokens", "instances"]
    assert [n for n in ALL if before[n] != scene[n]] == [n for n in ALL if n not in unseen]
    assert _keys(tmp_path, smoke, hcf_res, source=ToySource(name="elsewhere")) == before


def test_weights_are_known_by_their_content_not_by_their_place(
    tmp_path: Path, smoke: SettingConfig, hcf_res: MethodConfig
) -> None:
    (tmp_path / "one.pth").write_bytes(b"1")
    (tmp_path / "two.pth").write_bytes(b"1")
    one = _keys(tmp_path, smoke, hcf_res, {"setting": {"sam": {"weights": "one.pth"}}})
    two = _keys(tmp_path, smoke, hcf_res, {"setting": {"sam": {"weights": "two.pth"}}})
    assert one == two
    (tmp_path / "two.pth").write_bytes(b"2")
    two = _keys(tmp_path, smoke, hcf_res, {"setting": {"sam": {"weights": "two.pth"}}})
    assert one["masks"] != two["masks"]


def test_a_method_is_given_what_it_asks_for(
    tmp_path: Path, smoke: SettingConfig, hcf_res: MethodConfig, mdin: MethodConfig
) -> None:
    assert list(_keys(tmp_path, smoke, mdin)) == ["superpoints"]
    pixel = {"method": {"semantics": {"granularities": ["pixel"]}}}
    only_pixel = _keys(tmp_path, smoke, hcf_res, pixel)
    assert list(only_pixel) == ["superpoints", "tokens", "dense_operator", "dense"]
    assert only_pixel["dense"] == _keys(tmp_path, smoke, hcf_res)["dense"]


def test_the_grid_of_each_preset_is_that_of_the_network() -> None:
    from hcfres.semantics.clip import IMAGE_SIZES, PRESETS, build_clip  # noqa: PLC0415

    patches = {"tiny": build_clip("tiny", 0).visual.patch_size[0], "ViT-L-14-336-quickgelu": 14}
    for preset in PRESETS:
        height, width = IMAGE_SIZES[preset]
        assert grid_of(preset) == (height // patches[preset], width // patches[preset])
        assert grid_of(preset, square=True) == (height // patches[preset],) * 2
    assert set(TOWERS) == set(PRESETS)
    with pytest.raises(ConfigError, match=r"'tny' is no preset; did you mean `tiny`\?"):
        grid_of("tny")


def test_the_blocks_of_each_preset_are_those_of_the_network() -> None:
    from hcfres.semantics.clip import build_clip  # noqa: PLC0415

    for preset, tower in TOWERS.items():
        with torch.device("meta"):
            assert build_clip(preset, 0).visual.transformer.layers == tower.blocks
    assert layer_problem("tiny", -4) is None
    said = "-5, but tiny has 4 blocks: -1 (the last) to -4"
    assert layer_problem("tiny", -5) == said


def test_a_scene_is_prepared_once(
    rooms: Dataset,
    smoke: SettingConfig,
    hcf_res: MethodConfig,
    preparation: Preparation,
    events: list[Event],
) -> None:
    jobs = SceneJobs(rooms, "scene0000_00", smoke, hcf_res, preparation)
    first = prepare_scene(rooms, "scene0000_00", smoke, hcf_res, preparation)
    assert jobs.missing() == ()
    del events[:]
    second = prepare_scene(rooms, "scene0000_00", smoke, hcf_res, preparation)
    assert events == []
    assert first.dense is not None and second.dense is not None
    np.testing.assert_array_equal(first.dense.features, second.dense.features)
    assert first.instance is not None
    count = first.superpoints.labels.max() + 1
    assert first.dense.features.shape == first.instance.features.shape == (count, 128)
    assert 0 < first.instance.seen.sum() <= first.dense.seen.sum()
    assert not first.dense.features[~first.dense.seen].any()


def test_instance_features_may_lie_in_the_space_shared_with_text(
    rooms: Dataset, smoke: SettingConfig, hcf_res: MethodConfig, preparation: Preparation
) -> None:
    """Decision 17: projecting is linear, so it is the same after the lifting."""
    from hcfres.semantics.clip import load_clip, projected  # noqa: PLC0415

    semantics = hcf_res.semantics.model_copy(update={"instance_space": "projected"})
    other = hcf_res.model_copy(update={"semantics": semantics})
    plain, shared = (
        prepare_scene(rooms, "scene0000_00", smoke, method, preparation).instance
        for method in (hcf_res, other)
    )
    clip = load_clip(smoke.clip, preparation.machine.weights)
    assert np.abs(shared.features - projected(clip, plain.features)).max() < 1e-4
    np.testing.assert_array_equal(shared.seen, plain.seen)


def test_each_stage_reports_its_own_beginning_and_end_in_order(
    tmp_path: Path, rooms: Dataset, smoke: SettingConfig, hcf_res: MethodConfig
) -> None:
    events: list[Event] = []
    preparation = Preparation(Store(tmp_path), Machine(tmp_path), events.append)
    SceneJobs(rooms, "scene0000_00", smoke, hcf_res, preparation).instance.run()
    told = [(event.stage, event.what) for event in events]
    assert told == [
        ("superpoints", "begun"),
        ("superpoints", "made"),
        ("masks", "begun"),
        ("masks", "frame"),
        ("masks", "frame"),
        ("masks", "made"),
        ("instance_operator", "begun"),
        ("instance_operator", "made"),
        ("masks", "found"),
        ("tokens", "begun"),
        ("tokens", "made"),
        ("instances", "begun"),
        ("instances", "made"),
        ("instance", "begun"),
        ("instance", "made"),
    ]
    assert [event.frames for event in events if event.what == "frame"] == [1, 2]


def test_the_last_results_serve_without_those_they_were_made_from(
    tmp_path: Path,
    rooms: Dataset,
    smoke: SettingConfig,
    hcf_res: MethodConfig,
    preparation: Preparation,
) -> None:
    prepare_scene(rooms, "scene0000_00", smoke, hcf_res, preparation)
    copy = shutil.copytree(preparation.store.root, tmp_path / "store")
    for stage in ("masks", "tokens", "instances", "dense_operator", "instance_operator"):
        shutil.rmtree(copy / stage)
    events: list[Event] = []
    moved = Preparation(Store(copy), preparation.machine, events.append)
    assert SceneJobs(rooms, "scene0000_00", smoke, hcf_res, moved).missing() == ()
    prepare_scene(rooms, "scene0000_00", smoke, hcf_res, moved)
    assert events == []


def test_whether_a_scene_is_prepared_is_known_without_torch(
    rooms: Dataset, smoke: SettingConfig, hcf_res: MethodConfig, preparation: Preparation
) -> None:
    jobs = SceneJobs(rooms, "scene0000_00", smoke, hcf_res, preparation)
    for job in jobs.all:
        job.run()
    arguments = [str(rooms.root), str(preparation.store.root), str(EXPERIMENTS)]
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_an_unknown_scene_is_refused_by_name(
    rooms: Dataset, smoke: SettingConfig, hcf_res: MethodConfig, preparation: Preparation
) -> None:
    with pytest.raises(DataError, match="scene0999_00"):
        prepare_scene(rooms, "scene0999_00", smoke, hcf_res, preparation)
