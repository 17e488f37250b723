"""`python -m tests.golden FOLDER` says what differs, and fails when anything does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from .__main__ import main

ROOT = Path(__file__).parents[2]


def _copy(golden, folder, name, called=None):
    for suffix in (".safetensors", ".json"):
        shutil.copyfile(golden / f"{name}{suffix}", folder / f"{called or name}{suffix}")


def _change(path, tensor, change):
    tensors = load_file(path)
    tensors[tensor] = change(tensors[tensor]).contiguous()
    save_file(tensors, path)


def _nudged(tensor):
    moved = tensor.clone()
    moved.view(-1)[0] += 1 if not tensor.is_floating_point() else 1e-6
    return moved


def _scaled(tensor):
    return tensor * 1.001


def _flipped(tensor):
    return ~tensor.bool()


def _spoilt(tensor):
    return torch.full_like(tensor, float("nan"))


@pytest.mark.parametrize(
    ("name", "tensor", "change", "named"),
    [
        ("mdin_decoder_a", "out.aux.1.masks", _nudged, "masks of 4 layers"),
        ("ipdn_decoder_a", "out.sample_inds", _nudged, "sampled indices"),
        ("ipdn_decoder_a", "param.lqg.1.attn.in_proj_weight", _scaled, "masks of 4 layers"),
        ("ipdn_decoder_a", "out.ref_scores", _spoilt, "relevance scores"),
        ("mdin_loss_a", "grad_legacy.masks", _nudged, "legacy gradients"),
        ("ipdn_loss_a", "match.0.seed_pairs", _nudged, "matched pairs of each seed"),
        ("matching_a", "case0.nearest", _nudged, "nearest query of each object"),
        ("inference_a", "gres.point_mask", _flipped, "gres: predicted points"),
        ("inference_a", "gres.nt_label", _flipped, "gres: zero-target decisions"),
        ("inference_a", "gres.superpoint_iou", _nudged, "gres: superpoint IoU"),
        ("backbone_odd", "out_train.deepest_running", _nudged, "statistics"),
        ("lift_a", "out.superpoint_legacy", _nudged, "unseen vertices as zeros"),
        ("fps_a", "case0.indices", _nudged, "seeds of 7 clouds"),
    ],
)
def test_a_changed_number_fails_by_its_name(golden, tmp_path, capsys, name, tensor, change, named):
    _copy(golden, tmp_path, name)
    _change(tmp_path / f"{name}.safetensors", tensor, change)
    assert main([str(tmp_path)]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert any(named in line for line in failed)


def test_a_changed_loss_fails(golden, tmp_path, capsys):
    _copy(golden, tmp_path, "mdin_loss_a")
    path = tmp_path / "mdin_loss_a.json"
    about = json.loads(path.read_text())
    about["loss_corrected"]["layer_1_score_loss"] += 1e-6
    path.write_text(json.dumps(about))
    assert main([str(tmp_path)]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert "corrected losses, score" in failed[0]


def test_a_missing_key_of_the_list_fails(golden, tmp_path, capsys):
    rows = (golden / "ipdn_state_dict.tsv").read_text().splitlines()
    del rows[100]
    (tmp_path / "ipdn_state_dict.tsv").write_text("\n".join(rows))
    assert main([str(tmp_path)]) == 1
    assert "1.00e+00" in capsys.readouterr().out


def test_other_names_are_checked_too_and_files_without_a_check_are_named(golden, tmp_path, capsys):
    _copy(golden, tmp_path, "matching_a", "matching_seven")
    (tmp_path / "README.md").write_text("prose")
    (tmp_path / "notes.csv").write_text("1,2")
    assert main([str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("ok     matching_seven ") for line in told) == 4
    assert "no check for notes.csv" in told
    assert not any("README" in line for line in told)


@pytest.mark.parametrize("name", ["tides_a.safetensors", "tides_state_dict.tsv"])
def test_numbers_that_no_check_is_for_are_a_failure(golden, tmp_path, capsys, name):
    _copy(golden, tmp_path, "matching_a")
    shutil.copyfile(golden / "fps_a.safetensors", tmp_path / name)
    assert main([str(tmp_path)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert f"FAILED no check for {name}" in told
    assert told[-1] == "4 checks of 1 files, 1 failed, 1 unknown"


def test_a_damaged_or_unlike_file_fails_and_the_others_are_still_checked(golden, tmp_path, capsys):
    _copy(golden, tmp_path, "matching_a")
    _copy(golden, tmp_path, "fps_a")
    (tmp_path / "fps_a.safetensors").write_bytes(b"\0" * 64)
    (tmp_path / "lift_a.safetensors").write_bytes(b"")
    _copy(golden, tmp_path, "mdin_loss_a", "ipdn_decoder_b")
    assert main([str(tmp_path)]) == 1
    told = capsys.readouterr().out
    for name in ("fps_a", "lift_a", "ipdn_decoder_b"):
        assert f"FAILED {name}" in told
    assert "ok     matching_a" in told


def test_nothing_to_check_is_a_failure(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "could be checked" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "nowhere")])


def test_it_runs_as_a_module(golden, tmp_path):
    _copy(golden, tmp_path, "matching_a")
    command = [sys.executable, "-m", "tests.golden", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "4 checks of 1 files, 0 failed, 0 unknown"
