"""Every k-th frame of a recording as files: SensReader's layout, whole, resumable, verified."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.files import write_bytes
from hcfres.data.frames import read_frame, survey_frames
from hcfres.data.poses import read_matrix
from hcfres.data.sens import extract as sens_extract
from hcfres.data.sens.extract import extract_frames, read_extraction, verify_frames
from hcfres.data.sens.recording import SensFile, SensRecord, open_sens, write_sens
from tests.data.small_sens import (
    LOST,
    colour_payload,
    depth_payload,
    small_colour,
    small_depth,
    small_header,
    small_pose,
    small_sens,
)


@pytest.fixture
def sens(tmp_path):
    return small_sens(tmp_path / "scene0000_00.sens", 25)


def make_records(count: int, **changed: dict) -> list[SensRecord]:
    """Records of which number i is changed by `changed["_i"]`."""
    return [
        replace(
            SensRecord(
                small_pose(number), 0, 0,
                colour_payload(number, "jpeg"), depth_payload(small_depth(number), "zlib"),
            ),
            **changed.get(f"_{number}", {}),
        )
        for number in range(count)
    ]  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}


def test_the_golden_recording_is_extracted_as_scannets_reader_does(samples, tmp_path):
    golden = samples / "sens_golden"
    survey = extract_frames(golden / "open3d_rgbd_5frames.sens", tmp_path, every=1)
    assert survey.frames == (0, 1, 2, 3, 4)
    assert survey.lost == (3,)
    for number, path in enumerate(sorted((samples / "open3d_rgbd" / "color").glob("*.jpg"))):
        assert (tmp_path / "color" / f"{number}.jpg").read_bytes() == path.read_bytes()
        printed = golden / "official_reader_output" / f"frame-{number:06d}.pose.txt"
        found = read_matrix(tmp_path / "pose" / f"{number}.txt")
        assert np.allclose(found, np.loadtxt(printed), atol=6e-6), "six digits, six decimals"
    pgm = (golden / "official_reader_output" / "frame-000000.depth.pgm").read_bytes()
    with Image.open(tmp_path / "depth" / "0.png") as image:
        assert image.mode == "I;16"
        assert np.asarray(image).astype(">u2").tobytes() == pgm[-2 * 640 * 480 :]


def test_the_layout_is_sensreaders_with_the_recordings_numbers(sens, tmp_path):
    survey = extract_frames(sens, tmp_path / "out", every=10)
    assert survey.frames == (0, 10, 20)
    assert (survey.written, survey.kept, survey.left_out) == (3, 0, ())
    assert sorted(contents(tmp_path / "out")) == [
        "color/0.jpg", "color/10.jpg", "color/20.jpg",
        "depth/0.png", "depth/10.png", "depth/20.png",
        "extraction.json",
        "intrinsic/extrinsic_color.txt", "intrinsic/extrinsic_depth.txt",
        "intrinsic/intrinsic_color.txt", "intrinsic/intrinsic_depth.txt",
        "pose/0.txt", "pose/10.txt", "pose/20.txt",
    ]  # fmt: skip
    assert (tmp_path / "out" / "pose" / "10.txt").read_text() == (
        "1.000000 0.000000 0.000000 0.500000\n0.000000 1.000000 0.000000 -0.250000\n"
        "0.000000 0.000000 1.000000 1.250000\n0.000000 0.000000 0.000000 1.000000\n"
    )
    assert (
        (tmp_path / "out" / "intrinsic" / "intrinsic_depth.txt")
        .read_text()
        .startswith("7.250000 0.000000 3.500000 0.000000\n0.000000 7.250000 2.500000 0.000000\n")
    )


def test_the_package_reads_what_was_extracted(sens, tmp_path):
    extract_frames(sens, tmp_path / "out", every=1)
    listing = survey_frames(tmp_path / "out")
    assert listing.invalid == (LOST,)
    assert (listing.incomplete, len(listing.usable)) == ((), 24)
    frame = read_frame(tmp_path / "out", 12)
    assert np.allclose(frame.depth, small_depth(12) / 1000, atol=1e-6)
    assert frame.camera_to_world[2, 3] == 1.5
    assert (tmp_path / "out" / "pose" / f"{LOST}.txt").read_text().split() == ["-inf"] * 16


@pytest.mark.parametrize(("kind", "suffix"), [("raw", "png"), ("png", "png"), ("jpeg", "jpg")])
def test_colour_is_copied_or_kept_without_loss(tmp_path, kind, suffix):
    sens = small_sens(tmp_path / "a.sens", 1, kind)
    extract_frames(sens, tmp_path / "out", every=1)
    file = tmp_path / "out" / "color" / f"0.{suffix}"
    if kind == "raw":
        with Image.open(file) as image:
            assert np.array_equal(np.asarray(image), small_colour(0))
    else:
        assert file.read_bytes() == colour_payload(0, kind)


def test_depth_becomes_millimetres_whatever_the_shift(tmp_path):
    """5000 counts to a metre: 7503 counts are 1500.6 mm, 2 counts 0.4 mm."""
    counts = np.array([[7503, 2, 0, 5000, 65535, 3, 10, 1]] * 6, np.uint16)
    records = make_records(1, _0={"depth": depth_payload(counts, "zlib")})
    write_sens(tmp_path / "a.sens", small_header(shift=5000.0), records)
    extract_frames(tmp_path / "a.sens", tmp_path / "out", every=1)
    with Image.open(tmp_path / "out" / "depth" / "0.png") as image:
        assert np.asarray(image)[0].tolist() == [1501, 0, 0, 1000, 13107, 1, 2, 0]


def test_a_depth_beyond_the_png_is_refused(tmp_path):
    counts = np.full((6, 8), 655, np.uint16)
    counts[0, 0] = 656
    records = make_records(1, _0={"depth": depth_payload(counts, "zlib")})
    write_sens(tmp_path / "a.sens", small_header(shift=10.0), records)
    with pytest.raises(DataError, match=r"frame 0: a depth of 65\.6 m is beyond"):
        extract_frames(tmp_path / "a.sens", tmp_path / "out", every=1)


def test_nothing_but_the_chosen_frames_is_read(sens, tmp_path, monkeypatch):
    asked: list[int] = []

    def record(self: SensFile, number: int) -> SensRecord:
        asked.append(number)
        return reading(self, number)

    reading = SensFile.record
    monkeypatch.setattr(SensFile, "record", record)
    extract_frames(sens, tmp_path / "out", every=7)
    assert asked == [0, 7, 14, 21]


def test_what_is_whole_is_not_written_again(sens, tmp_path):
    out = tmp_path / "out"
    extract_frames(sens, out, every=5)
    whole, before = contents(out), times(out)
    (out / "color" / "5.jpg").write_bytes(whole["color/5.jpg"][:-1])
    (out / "depth" / "10.png").write_bytes(whole["depth/10.png"][:60])
    (out / "pose" / "15.txt").unlink()
    Image.fromarray(small_depth(3)).save(out / "depth" / "20.png")
    survey = extract_frames(sens, out, every=5)
    assert contents(out) == whole
    assert (survey.written, survey.kept) == (4, 1)
    changed = {name for name, at in times(out).items() if at != before[name]}
    written = {"color/5.jpg", "depth/10.png", "pose/15.txt", "depth/20.png", "extraction.json"}
    assert changed == written


def test_an_interrupted_extraction_goes_on(sens, tmp_path):
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 8:
            raise Stop

    with pytest.raises(Stop):
        extract_frames(sens, tmp_path / "out", every=1, progress=stop)
    with pytest.raises(DataError, match="no such file"):
        verify_frames(tmp_path / "out")
    survey = extract_frames(sens, tmp_path / "out", every=1)
    assert (survey.written, survey.kept) == (17, 8)
    extract_frames(sens, tmp_path / "anew", every=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "anew")


def test_all_workers_together_write_what_one_does(sens, tmp_path):
    steps: list[tuple[int, int]] = []
    extract_frames(sens, tmp_path / "one", every=1)
    survey = extract_frames(
        sens, tmp_path / "two", 1, workers=2, progress=lambda *step: steps.append(step)
    )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert survey.frames == tuple(range(25))
    assert steps[0] == (0, 25)
    assert steps[-1] == (25, 25)
    assert steps == sorted(steps)


def test_broken_frames_are_all_named_and_the_others_extracted(tmp_path):
    broken = {"_2": {"depth": b"x"}, "_4": {"colour": colour_payload(4, "jpeg")[:300]}}
    write_sens(tmp_path / "a.sens", small_header(), make_records(6, **broken))
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        with pytest.raises(DataError) as caught:
            extract_frames(tmp_path / "a.sens", out, every=1, workers=workers)
        assert caught.value.reason.startswith("2 problems:\n  - frame 2: the depth's zlib")
        assert "\n  - frame 4: the jpeg colour image is broken" in caught.value.reason
        assert sorted(path.stem for path in out.glob("*/*.jpg")) == ["0", "1", "3", "5"]
        assert survey_frames(out).incomplete == ()
        assert not (out / "extraction.json").exists()


def test_frames_without_both_images_are_left_out_and_listed(tmp_path):
    lacking = {"_0": {"colour": None}, "_3": {"depth": None}, "_4": {"colour": None, "depth": None}}
    write_sens(tmp_path / "a.sens", small_header(), make_records(6, **lacking))
    survey = extract_frames(tmp_path / "a.sens", tmp_path / "out", every=1)
    assert survey.frames == (1, 2, 5)
    found = [(one.index, one.lacks) for one in survey.left_out]
    assert found == [(0, "colour"), (3, "depth"), (4, "colour and depth")]
    assert survey_frames(tmp_path / "out").incomplete == ()
    assert read_extraction(tmp_path / "out").left_out == survey.left_out
    with pytest.raises(DataError, match="of 2 frames none has both images"):
        extract_frames(tmp_path / "a.sens", tmp_path / "none", every=4)


def test_verification_outlives_the_recording(sens, tmp_path):
    out = tmp_path / "out"
    extract_frames(sens, out, every=10)
    sens.unlink()
    assert verify_frames(out) == ()
    extraction = read_extraction(out)
    assert (extraction.sens, extraction.sens_frames) == ("scene0000_00.sens", 25)
    content = bytearray((out / "depth" / "20.png").read_bytes())
    content[50] ^= 1
    (out / "depth" / "20.png").write_bytes(content)
    (out / "color" / "10.jpg").unlink()
    (out / "intrinsic" / "intrinsic_color.txt").write_text("")
    assert verify_frames(out) == (
        "intrinsic/intrinsic_color.txt: differs from what was extracted",
        "color/10.jpg: there is no such file",
        "depth/20.png: differs from what was extracted",
    )


def test_a_malformed_survey_is_refused(sens, tmp_path):
    extract_frames(sens, tmp_path / "out", every=10)
    path = tmp_path / "out" / "extraction.json"
    told = json.loads(path.read_text())
    told["frames"][0] |= {"index": -1, "colour_suffix": "/../../x.jpg"}
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"2 problems:\n  - frames\[0\].index"):
        verify_frames(tmp_path / "out")


def test_a_disk_that_lies_is_noticed(sens, tmp_path, monkeypatch):
    monkeypatch.setattr(sens_extract, "write_bytes", lambda path, c: write_bytes(path, c[:-1]))
    with pytest.raises(DataError, match="what was written reads back different"):
        extract_frames(sens, tmp_path / "out", every=1)


def test_a_step_of_no_frames_is_refused(sens, tmp_path):
    with pytest.raises(ValueError, match="k is at least 1, not 0"):
        extract_frames(sens, tmp_path / "out", every=0)


@pytest.mark.slow
def test_killing_the_extraction_ends_its_workers_and_leaves_whole_files(tmp_path):
    """SIGKILL of the parent in the middle: no worker lives on, and the next run finishes."""
    sens, out = small_sens(tmp_path / "a.sens", 1500), tmp_path / "out"
    code = (
        "from pathlib import Path\nfrom hcfres.data.sens.extract import extract_frames\n"
        "if __name__ == '__main__':\n"
        f"    extract_frames(Path({str(sens)!r}), Path({str(out)!r}), 1, 2)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    root = Path(__file__).resolve().parents[3]
    child = subprocess.Popen(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": str(root)}, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not (out / "pose" / "20.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    while _session(child.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _session(child.pid)
    whole = {int(path.stem) for path in (out / "pose").glob("*.txt")}
    assert 20 in whole
    assert len(whole) < 1500
    survey = extract_frames(sens, out, 1)
    assert survey.kept >= len(whole) - 2, "at most the frames in the making"
    with open_sens(sens) as recording:
        assert survey.frames == tuple(range(len(recording)))


def _session(leader: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
