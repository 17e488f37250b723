"""`hcfres acquire` from beginning to end, against a real server with a small release."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hcfres.data.dataset import Dataset
from tests.data.acquisition.fake_release import LOST, RECORDED, SCENES, make_release, serve
from tests.data.acquisition.served import running

ROOT = Path(__file__).resolve().parents[2]
EXTRACTED = tuple(n for n in range(0, RECORDED, 10) if n != LOST)
THIN = ("--frames-every", "10", "--drop-sens", "--jobs", "2")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def server():
    with running() as served:
        yield served


@pytest.fixture
def home(tmp_path):
    return tmp_path / "workspace"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One home for Prefect: its first start in a new one takes many seconds."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    prefect = str(tmp_path_factory.mktemp("prefect"))
    return kept | {"PREFECT_HOME": prefect, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def acquire(home, environment):
    """Run the command; give its exit code and what it printed."""

    def run(*arguments):
        ended = subprocess.run(
            [sys.executable, "-m", "flows.cli", "acquire", *arguments],
            env=environment | {"HCFRES_HOME": str(home)},
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
        )
        assert "Traceback" not in ended.stdout + ended.stderr, ended.stdout + ended.stderr
        return ended.returncode, ended.stdout

    return run


def left_over(home):
    names = (path.name for path in (home / "data").rglob("*") if path.is_file())
    return [name for name in names if name.endswith((".sens", ".partial", ".partial.json", ".zip"))]


def test_a_release_is_acquired_frame_by_frame_and_asked_again_nothing_is_done(
    release, server, acquire, home
):
    address = serve(server, release)
    code, said = acquire("scannet", "--from", address, *THIN)
    assert code == 0, said
    data = Dataset(home / "data" / "scannet")
    assert data.scene_ids("train") == (SCENES["train"],)
    for scene in SCENES.values():
        assert data.frame_indices(scene) == EXTRACTED
        assert data.scene(scene).objects
    assert left_over(home) == []
    server.asked.clear()
    code, said = acquire("scannet", "--from", address, *THIN)
    assert (code, server.asked) == (0, [])
    assert "complete" in said
    code, said = acquire("scannet", "--check", "--json", *THIN)
    assert code == 0
    assert json.loads(said)["complete"]


@pytest.mark.slow
def test_passwords_and_signatures_are_written_down_nowhere(
    release, server, acquire, home, environment
):
    """Neither by Prefect, when all goes well and when it does not, nor beside the files."""
    address = serve(server, release).replace("//", "//me:hushhush@") + "?sig=psstpsst"
    page = server.pages[f"/v2/scans/{SCENES['val']}/{SCENES['val']}.aggregation.json"]
    page.content, whole = page.content[:-100], page.content
    other = f"/v2/scans/{SCENES['train']}/{SCENES['train']}.aggregation.json"
    absent = server.pages.pop(other)
    code, said = acquire("scannet", "--from", address, *THIN)
    assert code == 2
    assert "with what was fetched there are 1 problem" in said
    assert "has no such file; asked for" in said
    assert "Error: " not in said
    page.content, server.pages[other] = whole, absent
    code, again = acquire("scannet", "--from", address, *THIN)
    assert code == 0, again
    assert all("sig=psstpsst" in path for path, *_ in server.asked)
    assert any(server.authorisation)
    folders = (home, Path(environment["PREFECT_HOME"]))
    written = {path: path.read_bytes() for f in folders for path in f.rglob("*") if path.is_file()}
    database = b"".join(v for p, v in written.items() if p.name.startswith("prefect.db"))
    assert f"fetch-{SCENES['train']}".encode() in database
    secrets = ("hushhush", "psstpsst")
    assert [p for p, v in written.items() if any(s.encode() in v for s in secrets)] == []
    assert not any(secret in said + again for secret in secrets)


@pytest.mark.slow
def test_sentences_are_acquired_from_an_archive(release, server, acquire, home):
    archive = f"{serve(server, release)}/multi3drefer_train_val.zip"
    code, said = acquire("multi3drefer", "--from", archive)
    assert code == 0, said
    assert "1 of its 1 scans are not on the disk" in said
    assert left_over(home) == []


@pytest.mark.slow
def test_a_killed_run_is_continued(release, server, acquire, home, environment):
    address = serve(server, release)
    sens = server.pages[f"/v1/scans/{SCENES['train']}/{SCENES['train']}.sens"]
    half = len(sens.content) // 2
    sens.stalls = [half]
    run = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "acquire", "scannet", "--from", address, *THIN],
        env=environment | {"HCFRES_HOME": str(home)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    part = home / "data" / "scannet" / "acquiring" / f"{SCENES['train']}.sens.partial"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size == half) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    server.quiet.set()
    assert not (home / "data" / "scannet" / "frames" / SCENES["train"]).exists()
    code, said = acquire("scannet", "--check", *THIN)
    assert code == 1
    assert f"frames ({half} bytes are there)" in said or "begun" in said
    code, said = acquire("scannet", "--from", address, *THIN)
    assert code == 0, said
    assert f"bytes={half}-" in [asked for _, asked, _ in server.asked]
    assert Dataset(home / "data" / "scannet").frame_indices(SCENES["train"]) == EXTRACTED
    assert left_over(home) == []


@pytest.mark.slow
def test_one_scan_that_fails_is_named_and_the_others_come(release, server, acquire, home):
    address = serve(server, release)
    server.pages[f"/v2/scans/{SCENES['val']}/{SCENES['val']}.aggregation.json"].statuses = [
        403
    ] * 99
    code, said = acquire("scannet", "--from", address, "--method", "mdin", "--jobs", "1")
    assert code == 2
    for part in (f"{SCENES['val']}.aggregation.json", address, "is refused", "run the same comm"):
        assert part in said
    assert "Error: " not in said
    code, said = acquire("scannet", "--check", "--method", "mdin")
    assert code == 1
    data = Dataset(home / "data" / "scannet")
    assert data.scene(SCENES["train"]).objects


def test_without_a_source_it_is_said_what_is_needed_and_where_it_is_had(acquire, home):
    code, said = acquire("scannet")
    assert code == 1
    for part in (
        "terms of use",
        "--from ADDRESS",
        "mesh of 1,513 scans",
        "<scan>.sens",
        "<scan>_vh_clean_2.ply",
        "about 1.01 TB to fetch",
    ):
        assert part in said, said
    code, said = acquire("scannet", "--method", "mdin", "--check")
    assert code == 1
    assert ".sens" not in said.split("Then:")[0]
    assert "about 9.9 GB to fetch" in said
    code, said = acquire("scanrefer", "--check")
    assert code == 1
    assert "ScanRefer_filtered_train.json" in said
    assert not (home / "prefect").exists()


@pytest.mark.slow
def test_many_scans_are_summarised_the_worst_first_and_listed_in_a_file(
    release, acquire, home, tmp_path
):
    root = home / "data" / "scannet"
    shutil.copytree(release / "v2" / "scans", root / "scans")
    broken = root / "scans" / SCENES["val"] / f"{SCENES['val']}_vh_clean_2.ply"
    broken.write_bytes(broken.read_bytes()[:2000])
    names = tmp_path / "names"
    names.write_text("".join(f"scene{n:04d}_00\n" for n in range(40)))
    asked = ("scannet", "--method", "mdin", "--check", "--scenes", str(names), "--jobs", "1")
    code, said = acquire(*asked)
    assert code == 1
    rows = [line for line in said.splitlines() if "scene00" in line]
    assert SCENES["val"] in rows[0]
    assert "it is truncated" in rows[0]
    assert "... and 20 more that lack something" in said
    listing = (home / "data" / "checks" / "scannet.tsv").read_text().splitlines()
    assert len(listing) > 40 * 4
    told = json.loads(acquire(*asked, "--json")[1])
    assert sum(tally["corrupt"] for tally in told["datasets"]) == 1
    assert len(told["units"]) == 41


def test_with_a_source_a_check_tells_the_sources_own_sizes_and_fetches_nothing(
    release, server, acquire, home
):
    address = serve(server, release)
    scene = SCENES["train"]
    asked = ("--scenes", scene, "--method", "mdin", "--check", "--json", "--from", address)
    code, said = acquire("scannet", *asked)
    assert code == 1
    told = json.loads(said)
    sizes = {item["path"]: item["bytes_left"] for unit in told["units"] for item in unit["files"]}
    page = server.pages[f"/v2/scans/{scene}/{scene}_vh_clean_2.ply"]
    assert sizes[f"scans/{scene}/{scene}_vh_clean_2.ply"] == len(page.content)
    assert not told["bytes_are_estimates"]
    assert [n for _, _, n in server.asked if n] == []
    assert not (home / "data" / "scannet").exists()


@pytest.mark.slow
def test_rooms_are_made_damaged_and_then_complete(acquire, home):
    code, said = acquire("smoke", "--check")
    assert code == 1
    assert "it is not made yet" in said
    code, said = acquire("smoke")
    assert code == 0
    assert "1 training and 1 validation scans" in said
    code, said = acquire("smoke", "--check")
    assert code == 0, said
    root = next((home / "data").glob("rooms-*"))
    depth = root / "frames" / "scene0000_00" / "depth" / "10.png"
    before = depth.read_bytes()
    depth.unlink()
    (root / "multi3drefer_train.json").write_text("[]")
    code, said = acquire("smoke", "--check")
    assert code == 1
    assert "depth/10.png: the file is missing" in said
    assert "hcfres acquire smoke" in said
    code, said = acquire("smoke")
    assert code == 0, said
    assert depth.read_bytes() == before
    code, said = acquire("smoke", "--check")
    assert code == 0, said


def test_a_broken_list_is_not_blamed_on_the_command_that_found_it(acquire, home):
    path = home / "data" / "scannet" / "scannetv2_train.txt"
    path.parent.mkdir(parents=True)
    path.write_text("nonsense\n")
    (path.parent / "scannetv2_val.txt").write_text("scene0001_00\n")
    code, said = acquire("scannet")
    assert code == 2
    assert "'nonsense' is no scan's name" in said
    assert "put ScanNet's own list there" in said
    assert "`hcfres acquire scannet` puts" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scannet", "--drop-sens"), "--drop-sens would leave nothing"),
        (("rooms", "--from", "/tmp"), "rooms are made on this machine"),
        (("scannet", "--json"), "--json is how --check tells"),
        (("scannet", "--setting", "rooms"), "its scans are rooms"),
        (("scannett",), "no file scannett"),
        (("scannet", "--from", "ftp://x/", "--scenes", "scene0000_00"), "only http and https"),
        (("scannet", "--scenes", "../etc"), "is no scan's name"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(acquire, arguments, said):
    code, told = acquire(*arguments)
    assert code == 2
    assert said in told
