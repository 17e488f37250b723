"""Published weights become ours: every entry accounted for, at full size and by name."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hcfres.config.cell import CellConfig
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.errors import DataError
from hcfres.evaluation.predict import load_method
from hcfres.model.published import PUBLISHED
from hcfres.training.published_import import import_backbone, import_checkpoint

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SCANNET = load(EXPERIMENTS / "settings/scannet.toml", SettingConfig)
PARAMETERS = {"mdin": 150_867_849, "ipdn": 156_534_921}
ROBERTA, POOLER = 124_645_632, 590_592


def _asked(method):
    return CellConfig(
        method=load(EXPERIMENTS / f"methods/{method}.toml", MethodConfig), setting=SCANNET, seed=0
    )


def _rows(path):
    return [row.split("\t") for row in path.read_text().splitlines()[1:]]


def _checkpoint(golden, method):
    """Random tensors under the authors' names; RoBERTa's share one number, to be quick."""
    generator = torch.Generator().manual_seed(7)
    made = {}
    for name, shape, dtype, _ in _rows(golden / f"{method}_state_dict.tsv"):
        if name.endswith(".*"):
            for part, wide in _rows(golden / "roberta_keys.tsv"):
                one = torch.rand(1, generator=generator)
                made[name.removesuffix("*") + part] = one.expand(*map(int, wide.split("x")))
            continue
        size = () if shape == "scalar" else tuple(map(int, shape.split("x")))
        numbers = torch.rand(size, generator=generator)
        made[name] = numbers if dtype == "float32" else torch.full(size, 5, dtype=torch.int64)
    return made


@pytest.fixture(scope="module", params=["ipdn", pytest.param("mdin", marks=pytest.mark.slow)])
def given(request, golden, tmp_path_factory):
    """The method, its entries, and the file of them."""
    entries = _checkpoint(golden, request.param)
    path = tmp_path_factory.mktemp("published") / "best.pth"
    torch.save({"meta": {"epoch": 42, "time": "then"}, "model": entries}, path)
    return request.param, entries, path


@pytest.fixture(scope="module")
def imported(given, tmp_path_factory):
    method, _, path = given
    root = tmp_path_factory.mktemp("workspace")
    return import_checkpoint(path, _asked(method), root / "cells", root / "weights")


def test_a_full_size_checkpoint_is_the_full_size_preset(given, imported):
    method, entries, _ = given
    published = PUBLISHED[method]
    kept = load_file(imported.folder / "weights.safetensors")
    assert set(kept) == set(imported.account.used.values())
    for theirs, ours in imported.account.used.items():
        assert published.ours(theirs) == ours
        assert torch.equal(kept[ours], entries[theirs])
    network = load_method(imported.folder, device="cpu").network
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


def test_every_entry_is_accounted_for_once(given, imported):
    _, entries, _ = given
    told = imported.account
    listed = [*told.used, *told.dead, *told.text, *told.objective]
    assert sorted(listed) == sorted(entries)
    assert told.total == len(entries)
    assert told.others == ("meta",)
    assert told.absent_dead == ()
    written = json.loads((imported.folder / "import.json").read_text())
    assert written["used"] == told.used
    assert written["dead"] == list(told.dead)
    assert written["origin"]["file"] == "best.pth"
    assert len(written["origin"]["sha256"]) == 64


def test_used_dead_and_text_parameters_add_up_to_the_published_total(given, imported):
    assert len(imported.account.text) == 197
    total = imported.parameters + imported.dead_parameters + ROBERTA - POOLER
    assert total == PARAMETERS[given[0]]


def test_the_cell_has_the_authors_behaviour_and_needs_no_other_weights(given, imported):
    cell = load_method(imported.folder, device="cpu").cell
    assert cell.method.name == f"{given[0]}_published"
    assert cell.method.legacy == PUBLISHED[given[0]].legacy
    assert cell.setting.training.backbone_weights is None
    assert cell.setting.text == SCANNET.text
    assert imported.text == "not compared"


def test_importing_again_is_the_same_folder_and_another_file_needs_another(
    given, imported, tmp_path
):
    method, entries, path = given
    cells, weights = imported.folder.parent, tmp_path / "weights"
    again = import_checkpoint(path, _asked(method), cells, weights)
    assert again.folder == imported.folder
    other = _changed(tmp_path, entries, {})
    with pytest.raises(DataError, match="this folder holds other weights"):
        import_checkpoint(other, _asked(method), cells, weights, imported.folder)


def _changed(tmp_path, entries, changes, without=()):
    """The entries with some changed or left out; of the others only the first number, repeated."""
    path = tmp_path / "changed.pth"
    light = {name: t.flatten()[0].clone().expand(t.shape) for name, t in entries.items()}
    kept = {name: tensor for name, tensor in (light | changes).items() if name not in without}
    torch.save({"model": kept}, path)
    return path


def _refused(path, method, tmp_path):
    with pytest.raises(DataError) as raised:
        import_checkpoint(path, _asked(method), tmp_path / "cells", tmp_path / "weights")
    assert not (tmp_path / "cells").exists()
    return str(raised.value)


def test_the_other_methods_file_is_named_at_once(given, tmp_path):
    method, _, path = given
    other = {"mdin": "ipdn", "ipdn": "mdin"}[method]
    told = _refused(path, other, tmp_path)
    assert f"these are weights of {method}, not of {other}. Say --method {method}" in told


def test_a_truncated_file_is_refused(given, tmp_path):
    method, _, path = given
    short = tmp_path / "short.pth"
    short.write_bytes(path.read_bytes()[:-1000])
    assert "short.pth: it ends early" in _refused(short, method, tmp_path)


def test_unexpected_missing_and_misshapen_entries_are_all_named(given, tmp_path):
    method, entries, _ = given
    prefix, text = PUBLISHED[method].decoder, PUBLISHED[method].text
    changes = {
        f"{prefix}surprise.weight": torch.zeros(1),
        f"{text}surprise": torch.zeros(1),
        f"{prefix}lang_norm.weight": torch.zeros(128),
        f"{text}encoder.layer.0.output.dense.bias": torch.zeros(767),
        f"{prefix}out_norm.bias": torch.zeros(256, dtype=torch.int64),
    }
    gone = (f"{prefix}out_score.0.weight", f"{text}embeddings.LayerNorm.bias")
    told = _refused(_changed(tmp_path, entries, changes, gone), method, tmp_path)
    assert "7 problems" in told
    for line in (
        f"unexpected: {prefix}surprise.weight",
        f"unexpected: {text}surprise",
        f"missing: {prefix}out_score.0.weight",
        f"missing: {text}embeddings.LayerNorm.bias",
        f"{prefix}lang_norm.weight has shape (128,), not (256,)",
        f"{text}encoder.layer.0.output.dense.bias has shape (767,), not (768,)",
        f"{prefix}out_norm.bias holds torch.int64",
    ):
        assert line in told


def test_a_pooler_that_is_none_is_not_counted_as_dead_weight(given, tmp_path):
    method, entries, _ = given
    pooler = f"{PUBLISHED[method].text}pooler."
    changes = {
        f"{pooler}evil": torch.zeros(1).expand(10**12),
        f"{pooler}dense.bias": torch.zeros(3),
    }
    told = _refused(_changed(tmp_path, entries, changes), method, tmp_path)
    assert f"unexpected: {pooler}evil" in told
    assert f"{pooler}dense.bias has shape (3,), not (768,)" in told


def test_dead_weights_may_be_absent_but_not_misshapen(given, tmp_path):
    method, entries, _ = given
    dead = f"{PUBLISHED[method].decoder}indi_norm.weight"
    told = _refused(_changed(tmp_path, entries, {dead: torch.zeros(3)}), method, tmp_path)
    assert f"{dead} has shape (3,), not (256,)" in told
    path = _changed(tmp_path, entries, {}, without=(dead,))
    found = import_checkpoint(path, _asked(method), tmp_path / "cells", tmp_path / "weights")
    assert found.account.absent_dead == (dead,)


def test_weights_that_are_not_finite_are_refused(given, tmp_path):
    method, entries, _ = given
    name = f"{PUBLISHED[method].decoder}out_norm.bias"
    for number, kind in ((float("nan"), torch.float32), (1e300, torch.float64)):
        broken = _changed(tmp_path, entries, {name: torch.full((256,), number, dtype=kind)})
        told = _refused(broken, method, tmp_path)
        assert "not finite" in told and name in told


def test_a_negative_variance_is_refused(given, tmp_path):
    method, entries, _ = given
    name = next(name for name in entries if name.endswith("running_var"))
    broken = _changed(tmp_path, entries, {name: -torch.ones_like(entries[name])})
    assert f"{name} is negative" in _refused(broken, method, tmp_path)


def test_a_file_of_something_else_is_refused(given, tmp_path):
    path = tmp_path / "else.pth"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    assert "nothing in it is called" in _refused(path, given[0], tmp_path)


def test_the_u_net_of_any_ancestors_file_can_begin_a_training(given, tmp_path):
    _, entries, path = given
    out = tmp_path / "unet.safetensors"
    found = import_backbone(path, SCANNET, out)
    kept = load_file(out)
    assert set(kept) == set(found.used)
    assert all(torch.equal(kept[name], entries[name]) for name in kept)
    assert set(found.used) | set(found.left_out) == set(entries)
    assert found.parameters == 10_960_384


def test_a_u_net_that_is_not_whole_is_refused(given, tmp_path):
    _, entries, _ = given
    unet = {n: t for n, t in entries.items() if n.startswith(("unet.", "input", "output"))}
    changes = {"unet.surprise": torch.zeros(1), "input_conv.0.weight": torch.zeros(32, 3, 3, 3, 4)}
    path = _changed(tmp_path, unet, changes, without=("output_layer.0.weight",))
    with pytest.raises(DataError, match=r"(?s)unexpected: unet\.surprise.*missing: output_layer.*"):
        import_backbone(path, SCANNET, tmp_path / "unet.safetensors")
    assert not (tmp_path / "unet.safetensors").exists()
