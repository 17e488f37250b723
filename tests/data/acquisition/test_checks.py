"""What is there, missing or broken: sizes first, then the readers; the worst comes first."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.acquisition import checks
from hcfres.data.acquisition.access import where_to_get, which_files
from hcfres.data.acquisition.checks import examine_scan, examine_shared, require_whole
from hcfres.data.acquisition.inventory import Inventory, Item, Unit, tallies
from hcfres.data.acquisition.order import Order, order_for, scenes_of
from hcfres.data.acquisition.partial import part_of
from hcfres.data.errors import DataError
from tests.data.acquisition.fake_release import SCENES

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"

SCENE = SCENES["train"]


@pytest.fixture
def order(release, tmp_path):
    """A dataset that is complete for a method of points alone."""
    root = tmp_path / "scannet"
    shutil.copytree(release / "v2" / "scans", root / "scans")
    for path in (*release.glob("*.txt"), *(release / "v2" / "tasks").iterdir()):
        shutil.copy(path, root)
    for path in (release / "sentences").iterdir():
        shutil.copy(path, root)
    (root / "scans" / SCENE / f"{SCENE}_vh_clean_2.labels.ply").unlink()
    return Order("scannet", root)


def states(unit):
    return {item.kind: item.state for item in unit.items}


def test_a_complete_dataset_is_complete(order):
    assert set(states(examine_scan(order, SCENE)).values()) == {"there"}
    lists, notes = examine_shared(order)
    assert lists.complete
    assert notes == ()
    for name in ("multi3drefer", "scanrefer"):
        assert examine_shared(Order(name, order.root))[0].complete


BROKEN = {
    "mesh": ("_vh_clean_2.ply", lambda c: c[:5000], "it is truncated"),
    "empty mesh": ("_vh_clean_2.ply", lambda c: b"", "the file is empty"),
    "mesh's faces": ("_vh_clean_2.ply", lambda c: c[:-13] + b"\x03" + b"\xff" * 12, "corners"),
    "segments": (".0.010000.segs.json", lambda c: c[: len(c) // 2], "ends in the middle"),
    "others' segments": (".0.010000.segs.json", lambda c: b'{"segIndices":[1]}', "1 segment ids"),
    "objects": (".aggregation.json", lambda c: b"{}", "segGroups"),
    "a web page": (".aggregation.json", lambda c: b"<html>", "ends in the middle"),
    "info": (".txt", lambda c: b"<html>", "no `key = value`"),
}  # fmt: skip


@pytest.mark.parametrize(("end", "damage", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named_with_the_reason(order, end, damage, said):
    folder = order.root / "scans" / SCENE
    (path,) = (p for p in folder.iterdir() if p.name.endswith(end))
    path.write_bytes(damage(path.read_bytes()))
    wrong = [item for item in examine_scan(order, SCENE).items if item.state != "there"]
    assert [item.path for item in wrong] == [f"scans/{SCENE}/{path.name}"]
    assert wrong[0].state == "corrupt"
    assert said in wrong[0].reason
    assert wrong[0].bytes_left > 0


def test_what_a_size_betrays_is_not_read(order, monkeypatch):
    path = order.root / "scans" / SCENE / f"{SCENE}_vh_clean_2.ply"
    path.write_bytes(path.read_bytes()[:5000])
    monkeypatch.setattr(checks, "read_ply", None)
    with pytest.raises(DataError, match=r"5000 bytes of at least \d+: it is truncated"):
        require_whole(path)
    assert states(examine_scan(order, SCENE))["mesh"] == "corrupt"


def test_a_broken_labelled_mesh_is_said_although_no_method_needs_one(order):
    other = SCENES["val"]
    path = order.root / "scans" / other / f"{other}_vh_clean_2.labels.ply"
    path.write_bytes((order.root / "scans" / other / f"{other}_vh_clean_2.ply").read_bytes())
    assert states(examine_scan(order, other))["labelled mesh"] == "corrupt"


def test_what_an_interrupted_run_left_counts(order):
    path = order.root / "scans" / SCENE / f"{SCENE}_vh_clean_2.ply"
    path.unlink()
    part_of(path).write_bytes(bytes(1_000_000))
    (item,) = (i for i in examine_scan(order, SCENE).items if i.kind == "mesh")
    assert (item.state, item.bytes_left) == ("begun", 4_600_000)


def test_missing_frames_are_estimated_from_the_scans_own_number_of_frames(order):
    framed = replace(order, frames=True)
    info = order.root / "scans" / SCENE / f"{SCENE}.txt"
    lines = [x for x in info.read_text().splitlines() if not x.startswith("numDepthFrames")]
    info.write_text("\n".join([*lines, "numDepthFrames = 100"]) + "\n")
    (item,) = (i for i in examine_scan(framed, SCENE).items if i.kind == "recording")
    assert (item.state, item.bytes_left) == ("missing", 40_500_000)


def test_test_scans_need_no_annotation_and_lie_apart(tmp_path):
    files = Order("scannet", tmp_path).files_of("scene0707_00")
    assert [file.kind for file in files] == ["mesh", "info"]
    assert all(file.path.startswith("scans_test/") for file in files)
    assert len(Order("scannet", tmp_path).files_of("scene0706_00")) == 4


def method(name):
    return load(EXPERIMENTS / "methods" / f"{name}.toml", MethodConfig)


def test_the_smallest_set_follows_the_method(tmp_path):
    setting = load(EXPERIMENTS / "settings" / "scannet.toml", SettingConfig)
    names = ("mdin", "ipdn", "hcf_res")
    needs = {name: order_for("scannet", setting, method(name), tmp_path) for name in names}
    assert [order.frames for order in needs.values()] == [False, True, True]
    assert ".sens" not in which_files(needs["mdin"])
    assert "<scan>.sens" in which_files(needs["hcf_res"])
    for order in needs.values():
        for end in ("_vh_clean_2.ply", ".segs.json", ".aggregation.json"):
            assert end in which_files(order)
        assert ".labels.ply" not in which_files(order)
    rooms = load(EXPERIMENTS / "settings" / "rooms.toml", SettingConfig)
    with pytest.raises(DataError, match="its scans are rooms"):
        order_for("scannet", rooms, method("mdin"), tmp_path)


def test_the_scans_are_asked_for_in_several_ways(order, tmp_path):
    both = tuple(SCENES.values())
    assert scenes_of(order.root, None) == both
    assert scenes_of(order.root, "val") == both[1:]
    with pytest.raises(DataError, match="Put ScanNet's list of test scans there"):
        scenes_of(order.root, "test")
    assert scenes_of(order.root, "scene0003_00, scene0001_00") == ("scene0003_00", "scene0001_00")
    names = tmp_path / "names"
    names.write_text("scene0005_01\nscene0005_01\n")
    assert scenes_of(order.root, str(names)) == ("scene0005_01",)
    assert scenes_of(order.root, str(order.root / "multi3drefer_val.json")) == both[1:]
    assert scenes_of(tmp_path, None) is None
    with pytest.raises(DataError, match=r"'\.\./x' is no scan's name"):
        scenes_of(order.root, "../x")


def test_sentences_that_cannot_be_used_are_told_and_broken_files_are_corrupt(order):
    path = order.root / "multi3drefer_val.json"
    entries = json.loads(path.read_text())
    entries[0]["eval_type"] = "zt_w_d" if entries[0]["object_ids"] else "mt"
    entries[1]["scene_id"] = "scene0042_00"
    path.write_text(json.dumps(entries))
    unit, notes = examine_shared(Order("multi3drefer", order.root))
    assert unit.complete
    said = "\n".join(notes)
    assert "1 entries cannot be used, first [0]" in said
    assert "1 of its 2 scans are not on the disk (scene0042_00, ...)" in said
    path.write_text(path.read_text()[:-40])
    unit, _ = examine_shared(Order("multi3drefer", order.root))
    assert [item.state for item in unit.items] == ["there", "corrupt"]


def unit(name, *states):
    return Unit("scannet", name, tuple(Item(f"k{n}", "p", s, 10) for n, s in enumerate(states)))


def test_the_worst_comes_first_and_the_sums_agree(tmp_path):
    units = (
        unit("whole", "there", "there"), unit("one", "missing", "there"),
        unit("broken", "there", "corrupt"), unit("two", "missing", "begun"),
    )  # fmt: skip
    inventory = Inventory("scannet", tmp_path, units)
    assert [u.name for u in inventory.incomplete] == ["broken", "two", "one"]
    assert [(t.kind, t.there, t.missing, t.begun, t.corrupt) for t in tallies(inventory)] == [
        ("k0", 2, 2, 0, 0),
        ("k1", 2, 0, 1, 1),
    ]
    told = inventory.as_json()
    assert json.loads(json.dumps(told)) == told
    assert not told["complete"]
    assert sum(t["bytes_left"] for t in told["datasets"]) == told["bytes_left"] == 80


@pytest.mark.parametrize("name", ["rooms", "scannet", "scanrefer", "multi3drefer"])
def test_where_to_get_it_is_said_in_words_without_an_address(tmp_path, name):
    said = where_to_get(Order(name, tmp_path, frames=True))
    assert f"hcfres acquire {name}" in said
    assert "://" not in said
    assert "www" not in said


def test_rooms_are_had_under_the_name_of_their_setting(tmp_path):
    smoke = load(EXPERIMENTS / "settings" / "smoke.toml", SettingConfig)
    order = order_for("rooms", smoke, method("mdin"), tmp_path)
    assert where_to_get(order).endswith("hcfres acquire smoke")
