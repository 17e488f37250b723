"""Published weights, from the authors' file to accuracies, on the setting `smoke`."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import hcfres
from flows.cells.answer_validation import answer_validation
from flows.cells.jobs import Truths
from flows.cli import app
from flows.datasets import dataset_folder
from flows.imports.checkpoint import missing_parts
from flows.jobs import preparation
from flows.places import method_file, setting_file
from hcfres.config.cell import CellConfig
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.rooms.build import make_rooms
from hcfres.evaluation.evaluate import evaluate_cell
from hcfres.evaluation.predictions import PredictionSource
from hcfres.language.roberta import load_text
from hcfres.model.published import PUBLISHED, as_published
from hcfres.pipeline.split import PreparedSplit
from hcfres.store.workspace import Workspace
from hcfres.training.cell import make_network
from hcfres.training.published_import import require_same_text, widths_of_setting
from hcfres.training.published_text import text_hash

SETTING = load(setting_file("smoke"), SettingConfig)
COMPARED = ("scene_id", "ann_id", "iou", "nothing", "union_runs", "instances", "indicators")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with the rooms of `smoke`."""
    root = tmp_path_factory.mktemp("workspace")
    folder = dataset_folder(SETTING, Workspace(root))
    make_rooms(SETTING.data.rooms, folder, lambda *_: None)
    return root


@pytest.fixture
def workspace(root, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(root))
    monkeypatch.delenv("HCFRES_DEVICE", raising=False)
    return Workspace(root)


@dataclass(frozen=True)
class Original:
    """A network of ours, and the file that its owners would have published."""

    cell: CellConfig
    network: nn.Module
    file: Path


def _original(name, workspace, folder, change_text=False):
    method = as_published(load(method_file(name), MethodConfig))
    cell = CellConfig(method=method, setting=SETTING, seed=3)
    network = make_network(cell, widths_of_setting(cell), workspace.weights)
    with torch.no_grad():  # so that queries fire
        network.decoder.heads.indi_embedding[3].bias[1] += 1
    published = PUBLISHED[name]
    model = {published.theirs(ours): value for ours, value in network.state_dict().items()}
    text = load_text(SETTING.text, workspace.weights).network.state_dict()
    model |= {published.text + part: value for part, value in text.items()}
    model[published.text + "embeddings.position_ids"] = torch.arange(258)[None]
    model["criterion.loss_weight"] = torch.ones(6)
    if change_text:
        word = published.text + "embeddings.word_embeddings.weight"
        model[word] = model[word] + 0.25
    file = folder / f"{name}.pth"
    torch.save({"meta": {"epoch": 1}, "model": model}, file)
    return Original(cell, network, file)


def _answers(original, workspace, path):
    dataset = Dataset(dataset_folder(SETTING, workspace))
    split = PreparedSplit(dataset, "val", SETTING, original.cell.method, preparation(False))
    least, asked = SETTING.min_points, split.asked
    source = PredictionSource("multi3drefer", "v", "h", "val", "gres", least, "own", asked)
    evaluate_cell(original.network, Truths(split), source, path)
    return pq.read_table(path).select(COMPARED).to_pylist()


def _run(*arguments):
    ended = CliRunner().invoke(app, list(map(str, arguments)))
    return ended, ended.output


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_answer_as_the_network_they_are_of(name, workspace, tmp_path):
    original = _original(name, workspace, tmp_path)
    expected = _answers(original, workspace, tmp_path / "expected.parquet")
    assert sum(len(row["instances"]) for row in expected) > 0
    ended, told = _run("import-checkpoint", original.file, "--method", name, "--setting", "smoke")
    assert ended.exit_code == 0, told
    assert "the setting's own, weight by weight" in " ".join(told.replace("│", " ").split())
    ended, told = _run("evaluate", f"{name}-")
    assert ended.exit_code == 0, told
    (folder,) = workspace.cells.glob(f"{name}-*")
    found = pq.read_table(folder / "predictions.parquet").select(COMPARED).to_pylist()
    assert found == expected
    again, repeated = _run("evaluate", folder)
    assert again.exit_code == 0
    assert "mIoU" in told and "mIoU" in repeated


def test_weights_can_be_imported_beside_and_asked(workspace, tmp_path):
    original = _original("mdin", workspace, tmp_path)
    out = tmp_path / "mine"
    arguments = ("--method", "mdin", "--setting", "smoke", "--out", out)
    ended, told = _run("import-checkpoint", original.file, *arguments)
    assert ended.exit_code == 0, told
    method = hcfres.load_method(out, workspace, device="cpu")
    assert method.cell.method.title == "MDIN (published weights)"
    for ours, theirs in zip(
        method.network.state_dict().items(), original.network.state_dict().items(), strict=True
    ):
        assert ours[0] == theirs[0]
        assert torch.equal(ours[1], theirs[1])
    scene = hcfres.open_scene(dataset_folder(SETTING, workspace))
    assert len(method.predict(scene, ["the chair"])) == 1


def test_a_text_encoder_that_is_another_is_kept_and_used(workspace, tmp_path):
    original = _original("mdin", workspace, tmp_path, change_text=True)
    out = tmp_path / "mine"
    arguments = ("--method", "mdin", "--setting", "smoke", "--out", out)
    ended, told = _run("import-checkpoint", original.file, *arguments)
    assert ended.exit_code == 0, told
    assert "differs from the setting's" in " ".join(told.replace("│", " ").split())
    text = hcfres.load_method(out, workspace, device="cpu").cell.setting.text
    assert text.weights == "mine-text"
    own, kept = (load_text(c, workspace.weights).network for c in (SETTING.text, text))
    words = [network.embeddings.word_embeddings.weight for network in (own, kept)]
    assert torch.equal(words[0] + 0.25, words[1])


def test_what_an_evaluation_lacks_is_said_at_once_and_all_of_it(workspace, tmp_path):
    scannet = load(setting_file("scannet"), SettingConfig)
    lacking = {}
    for name in ("mdin", "ipdn", "hcf_res"):
        method = load(method_file(name), MethodConfig)
        cell = CellConfig(method=method, setting=scannet, seed=0)
        lacking[name] = missing_parts(cell, workspace)
    assert [len(lacking[name]) for name in ("mdin", "ipdn", "hcf_res")] == [2, 3, 4]
    for part, word in zip(lacking["hcf_res"], ("dataset", "text", "ViT-L", "sam_vit"), strict=True):
        assert word in part
    original = _original("mdin", workspace, tmp_path)
    out = tmp_path / "mine"
    _run("import-checkpoint", original.file, "--method", "mdin", "--setting", "smoke", "--out", out)
    (workspace.root / "data").rename(workspace.root / "away")
    try:
        with pytest.raises(
            DataError, match=r"1 problem:\n  - no dataset at .*hcfres acquire smoke"
        ):
            answer_validation(out, None)
    finally:
        (workspace.root / "away").rename(workspace.root / "data")


def test_a_method_that_nobody_published_is_refused(workspace, tmp_path):
    ended, _ = _run("import-checkpoint", tmp_path / "x.pth", "--method", "hcf_res")
    assert "there are: mdin, ipdn, unet" in str(ended.exception)


def test_the_u_net_alone_goes_where_settings_look_for_it(workspace, tmp_path):
    original = _original("ipdn", workspace, tmp_path)
    arguments = ("--method", "unet", "--setting", "smoke")
    ended, told = _run("import-checkpoint", original.file, *arguments)
    assert ended.exit_code == 0, told
    weights = "ipdn.safetensors"
    training = SETTING.training.model_copy(update={"backbone_weights": weights})
    setting = SETTING.model_copy(update={"training": training})
    cell = original.cell.model_copy(update={"setting": setting, "seed": 4})
    begun = make_network(cell, widths_of_setting(cell), workspace.weights)
    theirs = original.network.encoder.backbone.state_dict()
    for name, value in begun.encoder.backbone.state_dict().items():
        assert torch.equal(value, theirs[name])


def test_an_encoder_that_comes_later_is_held_against_the_files_own(workspace, tmp_path):
    """As when RoBERTa-base is brought after the import: it must be what the authors froze."""
    own = load_text(SETTING.text, workspace.weights).network.state_dict()
    told = {"text_encoder": "not compared", "text_sha256": text_hash(own)}
    (tmp_path / "import.json").write_text(json.dumps(told))
    require_same_text(tmp_path, SETTING.text, workspace.weights)
    other = SETTING.text.model_copy(update={"weights": "random:1"})
    with pytest.raises(DataError, match=r"text encoder is not the 'random:1' that is here now"):
        require_same_text(tmp_path, other, workspace.weights)
