"""A trained method in one's own hands, on a room and on a scan that this project did not make."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hcfres
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import RoomsConfig, SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.ply import read_ply
from hcfres.data.rooms.build import make_rooms
from hcfres.evaluation.predict import Method
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace
from hcfres.training.cell import Widths, make_network
from hcfres.training.checkpoint import save_weights
from tests.evaluation.small import make_cell

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
ROOMS = RoomsConfig(
    train_rooms=1,
    val_rooms=1,
    frames_per_room=1,
    train_expressions_per_room=4,
    val_expressions_per_room=4,
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def rooms(workspace) -> Path:
    root = workspace.data / "rooms"
    make_rooms(ROOMS, root, lambda *_: None)
    return root


@pytest.fixture(scope="module")
def cell_folder(workspace, rooms) -> Path:
    """An untrained network, as training would leave a trained one."""
    method = load(EXPERIMENTS / "methods" / "hcf_res.toml", MethodConfig)
    setting = load(EXPERIMENTS / "settings" / "smoke.toml", SettingConfig)
    cell = make_cell(method).model_copy(update={"setting": setting})
    preparation = Preparation(Store(workspace.store), Machine(workspace.weights))
    dense, text = PreparedSplit(Dataset(rooms), "val", setting, method, preparation).widths()
    widths = Widths(dense, text)
    network = make_network(cell, widths, workspace.weights)
    folder = workspace.cells / "0123456789abcdef"
    about = {"cell": cell.model_dump(mode="json"), **vars(widths)}
    save_weights(folder / "weights.safetensors", network, about)
    return folder


@pytest.fixture(scope="module")
def method(workspace, cell_folder) -> Method:
    return hcfres.load_method(cell_folder, workspace, device="cpu")


def test_a_scene_and_sentences_give_an_answer_each(rooms, method):
    scene = hcfres.open_scene(rooms)
    answers = method.predict(scene, ["the white chair", "all the pillows"])
    assert [answer.sentence for answer in answers] == ["the white chair", "all the pillows"]
    for answer in answers:
        assert answer.mask.shape == (len(scene.scene.vertices),)
        assert answer.zero_target == (not answer.mask.any())
        assert 0 <= answer.probability <= 1


def test_the_gate_of_a_scene_has_a_row_for_each_superpoint(rooms, method):
    """w_2D and w_3D of Eq. 6; the softmax makes them sum to one."""
    scene = hcfres.open_scene(rooms)
    gate = method.gate(scene)
    assert gate.labels.shape == (len(scene.scene.vertices),)
    assert gate.w2d.shape == gate.w3d.shape == (gate.labels.max() + 1, 1)
    assert gate.w2d + gate.w3d == pytest.approx(np.ones_like(gate.w2d), abs=1e-6)
    low, high = scene.scene.vertices.min(0), scene.scene.vertices.max(0)
    assert ((gate.centroids >= low - 1e-4) & (gate.centroids <= high + 1e-4)).all()


def test_a_method_without_a_gate_has_none_to_look_at(rooms, method):
    ipdn = load(EXPERIMENTS / "methods" / "ipdn.toml", MethodConfig)
    cell = method.cell.model_copy(update={"method": ipdn})
    network = make_network(cell, Widths(128, 128), method.workspace.weights).eval()
    adding = Method(cell, network, method.workspace, "cpu")
    assert adding.gate(hcfres.open_scene(rooms)) is None


def test_asking_again_gives_the_same_and_prepares_nothing(rooms, method):
    scene = hcfres.open_scene(rooms)
    events = []
    first, again = (method.predict(scene, ["the sofa"], progress=events.append) for _ in range(2))
    assert first[0].probability == again[0].probability
    assert {event.what for event in events if event.stage == "superpoints"} <= {"found"}


def test_a_scan_of_ones_own_is_answered_in_its_own_frame(samples, method, tmp_path):
    folder = samples / "open3d_livingroom1"
    cloud = folder / "fragments" / "slac_fragment_000.ply"
    poses = folder / "test_scene" / "trajectory.log"
    scene = hcfres.open_scene(hcfres.ScanFiles(cloud=cloud, frames=folder, poses=poses))
    answers = method.predict(scene, ["the white chair"], every=20)
    written = hcfres.write_answers(tmp_path / "answers", scene, answers)
    assert read_ply(written[0]).vertices == pytest.approx(read_ply(cloud).vertices, abs=1e-5)
    summary = json.loads(written[-1].read_text())
    assert summary["answers"][0]["sentence"] == "the white chair"
    assert any("22 frames" in remark for remark in summary["remarks"])


def test_sentences_without_a_word_are_refused(rooms, method):
    scene = hcfres.open_scene(rooms)
    for sentences in ([], ["the chair", " . "]):
        with pytest.raises(ValueError, match="at least one sentence"):
            method.predict(scene, sentences)


def test_a_folder_without_a_method_says_how_to_get_one(tmp_path):
    with pytest.raises(DataError, match=r"no trained method here.*hcfres train hcf_res"):
        hcfres.load_method(tmp_path)


def test_damaged_weights_are_refused_by_name(cell_folder, tmp_path):
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes((cell_folder / "weights.safetensors").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"weights\.safetensors: damaged"):
        hcfres.load_method(damaged)


def test_weights_that_are_no_method_are_refused(tmp_path, method):
    save_weights(tmp_path / "weights.safetensors", method.network, {})
    with pytest.raises(DataError, match="header has no `cell`"):
        hcfres.load_method(tmp_path)


def test_a_scan_that_is_not_there_is_named(rooms):
    with pytest.raises(DataError, match="scene9999_00"):
        hcfres.open_scene(rooms, "scene9999_00")


def test_masks_come_back_from_the_files(rooms, method, tmp_path):
    scene = hcfres.open_scene(rooms)
    answers = method.predict(scene, ["The 2 chairs, near the door!"])
    written = hcfres.write_answers(tmp_path, scene, answers)
    assert [path.name for path in written] == [
        "01-the-2-chairs-near-the-door.ply",
        "masks.npz",
        "answers.json",
    ]
    with np.load(written[1]) as masks:
        assert np.array_equal(masks["01-the-2-chairs-near-the-door"], answers[0].mask)


def test_the_package_alone_loads_nothing_heavy():
    code = (
        "import hcfres, sys; assert 'load_method' in dir(hcfres);"
        "print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_methods'"):
        hcfres.load_methods  # noqa: B018
