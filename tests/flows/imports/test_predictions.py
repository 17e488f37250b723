"""`hcfres import-predictions`, and comparing what came in with what is ours."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from flows.datasets import dataset_folder
from flows.evaluate import compare, recompute
from flows.imports.predictions import Foreign, import_predictions, parsed_given
from flows.places import setting_file
from hcfres.config.loading import ConfigError, load
from hcfres.config.setting import SettingConfig
from hcfres.data.errors import DataError
from hcfres.evaluation.passport import NOT_SAID, Given
from hcfres.evaluation.recompute import read_predictions
from hcfres.store.workspace import Workspace
from tests.reporting.drawn import write_predictions
from tests.reporting.tiny_dataset import OWNERS, VAL, write_tiny


@pytest.fixture
def console():
    return Console(width=240, record=True, file=io.StringIO())


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """The tiny dataset where the setting `smoke` expects its own; one sentence, about chair 0."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    return write_tiny(dataset_folder(load(setting_file("smoke"), SettingConfig), Workspace()))


def masks(folder, chosen, scene=VAL):
    folder.mkdir()
    np.savez(folder / f"{scene}.npz", **{"0": chosen})
    return folder


def test_another_systems_masks_become_a_file_of_ours(dataset, tmp_path, console):
    chosen = OWNERS == 0
    chosen[:15] = False
    asked = Foreign(masks(tmp_path / "in", chosen), "masks", "smoke", "a_system", given="frames")
    path = import_predictions(asked, console)
    assert path == tmp_path / "workspace" / "imported" / "a_system" / "predictions.parquet"
    metrics = recompute(str(path), console)
    assert metrics.groups["st_w_d"].miou == 0.5
    assert metrics.groups["all"].acc_50 == 0
    source = read_predictions(path).source
    assert (source.split, source.min_points, source.holds) == ("val", 10, "union")
    assert source.given == Given(frames=True, true_masks=False, viewpoint=False, llm=False)
    said = console.export_text()
    assert "point-level IoU above 0.25 and 0.5, fewer than 10 vertices are no answer" in said
    assert "given: frames" in said


def test_boxes_and_masks_do_not_compare_and_instances_compare_with_both(dataset, tmp_path, console):
    union = masks(tmp_path / "union", OWNERS == 0)
    both = masks(tmp_path / "both", np.stack([OWNERS == 0, OWNERS == 1]))
    (tmp_path / "boxes").mkdir()
    told = [{"ann_id": 0, "aabb": []}]
    (tmp_path / "boxes" / f"{VAL}.json").write_text(json.dumps(told))
    files = {
        name: str(import_predictions(Foreign(tmp_path / name, form, "smoke", name), console))
        for name, form in (("union", "masks"), ("both", "masks"), ("boxes", "boxes"))
    }
    assert (union.is_dir(), both.is_dir()) == (True, True)
    console.export_text()
    with pytest.raises(DataError, match=r"do not compare: they differ in level \(point / box\)"):
        compare([files["union"], files["boxes"]], console)
    compare([files["both"], files["boxes"]], console)
    said = console.export_text()
    assert "box F1@0.25" in said
    assert "mIoU" not in said
    compare([files["union"], files["both"]], console)
    said = console.export_text()
    assert "mIoU" in said
    assert "given" in said
    assert recompute(files["boxes"], console) is None


def test_predictions_on_other_sentences_are_not_compared(dataset, tmp_path, console):
    theirs = import_predictions(
        Foreign(masks(tmp_path / "in", OWNERS == 0), "masks", "smoke", "x"), console
    )
    ours = write_predictions(tmp_path / "ours.parquet")
    with pytest.raises(DataError, match=r"they differ in min_points \(10 / 1\), split_hash"):
        compare([str(theirs), str(ours)], console)


def test_another_split_or_scan_is_refused(dataset, tmp_path, console):
    folder = masks(tmp_path / "in", OWNERS == 0, "scene0042_00")
    with pytest.raises(DataError) as error:
        import_predictions(Foreign(folder, "masks", "smoke", "x"), console)
    assert "scene0042_00.npz: the scan is not asked about" in str(error.value)
    assert f"expression {VAL}|0|0 is not answered" in str(error.value)
    assert not (tmp_path / "workspace" / "imported").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"form": "csv"}, "--format: 'csv' is none of mdin-rle, boxes, masks"),
        ({"split": "dev"}, "--split: 'dev' is none of train, val, test"),
        ({"given": "gps"}, "--given: gps is none of frames, true_masks, viewpoint, llm, nothing"),
        ({"name": "../x"}, "--name: '../x': a name has letters, digits and _ - + . only"),
        ({"name": "a b"}, "--name: 'a b': a name has letters"),
        ({"name": "x" * 300}, "a name has at most 100 characters, and this has 300"),
    ],
)
def test_an_option_that_is_none_is_refused(dataset, tmp_path, console, changes, message):
    told = {"form": "masks", "setting": "smoke", "name": "x"} | changes
    folder = masks(tmp_path / "in", OWNERS == 0)
    with pytest.raises(ConfigError) as error:
        import_predictions(Foreign(folder, **told), console)
    assert message in str(error.value)


def test_what_was_given_is_said_by_name():
    assert parsed_given(None) == NOT_SAID
    assert parsed_given("nothing") == Given(False, False, False, False)
    assert parsed_given("llm, viewpoint") == Given(False, False, True, True)
