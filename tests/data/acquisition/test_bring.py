"""A scan from a release to a dataset: what is needed, what is kept, what a killed run leaves."""

import shutil
from dataclasses import replace

import pytest

from hcfres.data.acquisition import recordings
from hcfres.data.acquisition.bring import (
    bring_scan,
    bring_shared,
    require_room_for,
    with_known_sizes,
)
from hcfres.data.acquisition.checks import examine_scan, examine_shared
from hcfres.data.acquisition.download import Patience
from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.origin import open_origin
from hcfres.data.acquisition.recordings import STAGING, bring_frames
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from tests.data.acquisition.fake_release import LOST, RECORDED, SCENES, serve

SCENE = SCENES["train"]
QUICK = Patience(attempts=3, connect_s=0.5, read_s=0.3, backoff_s=0.001, longest_s=0.01)
EXTRACTED = tuple(n for n in range(0, RECORDED, 10) if n != LOST)


@pytest.fixture
def order(tmp_path):
    """Frames every tenth, recordings dropped."""
    root = tmp_path / "scannet"
    return Order("scannet", root, "the release", frames=True, frames_every=10, drop_sens=True)


@pytest.fixture
def origin(server, release, tmp_path):
    return open_origin(serve(server, release), tmp_path / "cache", QUICK)


def everything_in(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_scan_comes_with_the_frames_that_were_asked_for_and_no_recording(order, origin):
    bring_shared(order, origin)
    bring_scan(order, SCENE, origin)
    data = Dataset(order.root)
    assert data.scene_ids("train") == (SCENE,)
    assert data.frame_indices(SCENE) == EXTRACTED
    assert data.frame_listing(SCENE).invalid == (LOST,)
    assert data.frame(SCENE, 20).colour.shape[2] == 3
    assert len(data.scene(SCENE).objects) > 0
    assert examine_scan(order, SCENE).complete
    assert not any(name.endswith((".sens", ".partial")) for name in everything_in(order.root))
    assert not any((order.root / STAGING).iterdir())


def test_frames_of_a_kept_recording_are_the_recordings(order, origin):
    kept = replace(order, drop_sens=False)
    bring_scan(kept, SCENE, origin)
    assert (order.root / "scans" / SCENE / f"{SCENE}.sens").is_file()
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED


def test_a_recording_that_was_there_before_is_not_dropped(order, origin, release):
    own = order.root / "scans" / SCENE / f"{SCENE}.sens"
    own.parent.mkdir(parents=True)
    shutil.copy(release / "v1" / "scans" / SCENE / own.name, own)
    bring_scan(order, SCENE, origin)
    assert own.is_file()
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED


def test_a_folder_is_read_where_it_is_and_left_as_it_is(order, release, server):
    before = {p: p.stat().st_mtime_ns for p in release.rglob("*")}
    bring_scan(order, SCENE, open_origin(str(release), order.root))
    assert {p: p.stat().st_mtime_ns for p in release.rglob("*")} == before
    assert examine_scan(order, SCENE).complete
    assert server.asked == []


def test_the_folder_that_the_script_makes_is_understood_too(order, release, tmp_path):
    ours = tmp_path / "downloaded"
    shutil.copytree(release / "v2" / "scans", ours / "scans")
    shutil.copytree(release / "v1" / "scans", ours / "scans", dirs_exist_ok=True)
    bring_scan(order, SCENE, open_origin(str(ours), order.root))
    shutil.rmtree(order.root)
    bring_scan(order, SCENE, open_origin(str(ours / "scans"), order.root))
    assert examine_scan(order, SCENE).complete


def test_a_method_of_points_alone_needs_no_frames(order, origin, server):
    points = replace(order, frames=False, frames_every=None, drop_sens=False)
    bring_scan(points, SCENE, origin)
    assert {item.kind for item in examine_scan(points, SCENE).items} == {
        "mesh", "info", "segments", "objects",
    }  # fmt: skip
    assert not any(".sens" in path for path, *_ in server.asked)
    assert examine_scan(points, SCENE).complete


def test_without_a_step_the_recording_alone_is_enough(order, origin):
    whole = replace(order, frames_every=None, drop_sens=False)
    bring_scan(whole, SCENE, origin)
    assert [i.state for i in examine_scan(whole, SCENE).items if i.kind == "recording"] == ["there"]


def test_asked_again_nothing_is_fetched(order, origin, server):
    bring_scan(order, SCENE, origin)
    server.asked.clear()
    bring_scan(order, SCENE, origin)
    assert server.asked == []


@pytest.mark.parametrize("moment", ["extract_frames", "verify_frames", "_put_in_place", "_tidy"])
def test_a_run_that_ends_at_any_moment_leaves_nothing_half(order, origin, monkeypatch, moment):
    def end(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(recordings, moment, end)
        with pytest.raises(KeyboardInterrupt):
            bring_scan(order, SCENE, origin)
    frames = order.root / "frames" / SCENE
    assert frames.exists() == (moment == "_tidy")
    bring_scan(order, SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED
    assert not any((order.root / STAGING).iterdir())


def test_what_a_run_left_that_was_killed_at_the_very_end_is_swept_away(order, origin):
    bring_scan(order, SCENE, origin)
    left = [order.root / STAGING / f"{SCENE}.sens", order.root / STAGING / "scene0009_00.sens"]
    for path in left:
        path.write_bytes(b"whole")
    recordings.sweep(order)
    assert [path.exists() for path in left] == [False, True]


def test_an_interrupted_extraction_goes_on_without_another_download(
    order, origin, server, monkeypatch
):
    def end(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_frames(order, SCENE, origin, recordings.Listeners(extracted=lambda *_: end(1, 3)))
    server.asked.clear()
    bring_frames(order, SCENE, origin)
    assert server.asked == []


def test_a_dropped_line_in_a_recording_is_continued(order, origin, server):
    sens = server.pages[f"/v1/scans/{SCENE}/{SCENE}.sens"]
    sens.cuts = [len(sens.content) // 2]
    bring_scan(order, SCENE, origin)
    asked = [(r, n) for path, r, n in server.asked if path.endswith(".sens")]
    assert [r for r, _ in asked] == [None, f"bytes={len(sens.content) // 2}-"]
    assert sum(n for _, n in asked) == len(sens.content)


def test_a_truncated_recording_on_the_server_is_named_and_not_kept(order, origin, server):
    sens = server.pages[f"/v1/scans/{SCENE}/{SCENE}.sens"]
    sens.content = sens.content[:-1000]
    with pytest.raises(DataError) as error:
        bring_scan(order, SCENE, origin)
    for part in (f"{SCENE}.sens", server.url, "is no recording", "try another"):
        assert part in str(error.value)
    assert not any(name.endswith(".sens") for name in everything_in(order.root))


def test_a_broken_frame_is_named_and_the_recording_fetched_anew_the_next_time(
    order, origin, server
):
    sens = server.pages[f"/v1/scans/{SCENE}/{SCENE}.sens"]
    whole = sens.content
    at = whole.index(b"\xff\xd8\xff") + 200
    sens.content = whole[:at] + bytes(300) + whole[at + 300 :]
    sens.content = sens.content[: at - 200] + bytes(200) + sens.content[at:]
    with pytest.raises(DataError, match="frame 0"):
        bring_scan(order, SCENE, origin)
    assert not (order.root / "frames" / SCENE).exists()
    sens.content = whole
    bring_scan(order, SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED


def test_a_recording_that_comes_broken_twice_is_not_fetched_a_third_time(order, origin, server):
    sens = server.pages[f"/v1/scans/{SCENE}/{SCENE}.sens"]
    whole = sens.content
    at = whole.index(b"\xff\xd8\xff")
    sens.content = whole[:at] + bytes(300) + whole[at + 300 :]
    with pytest.raises(DataError, match="frame 0"):
        bring_scan(order, SCENE, origin)
    with pytest.raises(DataError, match=r"frame 0.*It came twice like this and is kept"):
        bring_scan(order, SCENE, origin)
    server.asked.clear()
    with pytest.raises(DataError, match="came twice") as error:
        bring_scan(order, SCENE, origin)
    assert server.asked == []
    kept = order.root / STAGING / f"{SCENE}.sens"
    assert f"delete {kept}" in str(error.value)
    sens.content = whole
    kept.unlink()
    bring_scan(order, SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED
    assert not any((order.root / STAGING).iterdir())


def test_what_an_extraction_of_another_step_left_waiting_is_thrown_away(order, origin):
    def end(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_frames(order, SCENE, origin, recordings.Listeners(extracted=end))
    bring_frames(replace(order, frames_every=7), SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == (0, 7, 14, 21)


def test_a_refusal_tells_the_source_without_its_secrets(order, origin, server):
    page = server.pages[f"/v2/scans/{SCENE}/{SCENE}_vh_clean_2.ply"]
    page.content = page.content[:-500]
    signed = replace(order, source="https://me:hush@release.example/scans?sig=quiet")
    assert "hush" not in repr(signed)
    with pytest.raises(DataError, match=r"--from https://release\.example/scans:") as error:
        bring_scan(signed, SCENE, origin)
    assert not any(secret in str(error.value) for secret in ("hush", "quiet"))


def test_a_file_that_came_broken_is_named_and_not_kept(order, origin, server):
    page = server.pages[f"/v2/scans/{SCENE}/{SCENE}_vh_clean_2.ply"]
    page.content = page.content[:-500]
    with pytest.raises(DataError) as error:
        bring_scan(order, SCENE, origin)
    for part in (f"scans/{SCENE}/{SCENE}_vh_clean_2.ply", "--from the release", "not kept"):
        assert part in str(error.value)
    assert not (order.root / "scans" / SCENE / f"{SCENE}_vh_clean_2.ply").exists()


def test_a_broken_file_is_replaced_and_a_good_one_left_alone(order, origin, server):
    points = replace(order, frames=False)
    bring_scan(points, SCENE, origin)
    folder = order.root / "scans" / SCENE
    mesh, objects = folder / f"{SCENE}_vh_clean_2.ply", folder / f"{SCENE}.aggregation.json"
    mesh.write_bytes(mesh.read_bytes()[:1000])
    before = objects.stat().st_mtime_ns
    bring_scan(points, SCENE, origin)
    assert examine_scan(points, SCENE).complete
    assert objects.stat().st_mtime_ns == before


def test_a_file_that_the_address_lacks_is_named_with_what_was_asked_for(order, origin, server):
    del server.pages[f"/v2/scans/{SCENE}/{SCENE}.aggregation.json"]
    with pytest.raises(DataError) as error:
        bring_scan(order, SCENE, origin)
    assert f"{server.url}/ has no such file; asked for: v2/scans/{SCENE}/{SCENE}.aggreg" in str(
        error.value
    )


def test_frames_of_another_step_are_not_overwritten_when_they_are_not_ours(order, origin):
    bring_scan(order, SCENE, origin)
    folder = order.root / "frames" / SCENE
    closer = replace(order, frames_every=5)
    (item,) = (i for i in examine_scan(closer, SCENE).items if i.kind == "frames")
    assert (item.state, item.reason) == (
        "missing", "every 10th frame is here, every 5th is asked for",
    )  # fmt: skip
    (folder / "extraction.json").unlink()
    with pytest.raises(DataError, match="it was not extracted by hcfres"):
        bring_scan(closer, SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == EXTRACTED


def test_our_frames_of_another_step_are_replaced(order, origin):
    bring_scan(order, SCENE, origin)
    bring_scan(replace(order, frames_every=5), SCENE, origin)
    assert Dataset(order.root).frame_indices(SCENE) == (0, 5, 15, 20)


def test_sentences_come_out_of_an_archive_wherever_it_is(tmp_path, release, server):
    address = serve(server, release)
    for number, source in enumerate(
        (str(release), str(release / "multi3drefer_train_val.zip"),
         f"{address}/multi3drefer_train_val.zip?signature=1", str(release / "sentences"))
    ):  # fmt: skip
        order = Order("multi3drefer", tmp_path / str(number), source)
        bring_shared(order, open_origin(source, tmp_path / "cache", QUICK))
        unit, notes = examine_shared(order)
        assert unit.complete
        assert "5 descriptions; 43,838 were published" in notes[0]


def test_sizes_are_the_servers_own_less_what_is_there(order, origin, server):
    unit = examine_scan(order, SCENE)
    assert {i.state for i in unit.items} == {"missing"}
    known = with_known_sizes(order, unit, origin)
    sizes = {item.kind: item.bytes_left for item in known.items}
    assert sizes["frames"] == len(server.pages[f"/v1/scans/{SCENE}/{SCENE}.sens"].content)
    assert sizes["mesh"] == len(server.pages[f"/v2/scans/{SCENE}/{SCENE}_vh_clean_2.ply"].content)
    del server.pages[f"/v2/scans/{SCENE}/{SCENE}.txt"]
    (info,) = (i for i in with_known_sizes(order, unit, origin).items if i.kind == "info")
    assert info.bytes_left == 700
    assert "has no such file" in info.reason


def test_too_small_a_disk_is_said_before_anything_is_fetched(order, origin, server, monkeypatch):
    unit = examine_scan(order, SCENE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10**8))
    with pytest.raises(DataError, match=r"needed and 32\.9 MB are free on this disk"):
        require_room_for(order, [unit], jobs=1)
    assert server.asked == []


@pytest.mark.parametrize("source", ["ftp://somewhere/scans", "nowhere", "http://", "--json"])
def test_a_source_that_is_none_is_said_so(tmp_path, source):
    with pytest.raises(DataError, match="Give a folder, a zip archive, or an address"):
        open_origin(source, tmp_path)
