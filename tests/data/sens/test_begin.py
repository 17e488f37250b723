"""A folder holds the frames of one extraction: what is there already is known, or refused."""

import json
import re
import shutil

import pytest

from hcfres.data.errors import DataError
from hcfres.data.sens import extract as sens_extract
from hcfres.data.sens.begin import BEGUN_NAME, InTheWayError
from hcfres.data.sens.extract import extract_frames, read_extraction, verify_frames
from hcfres.data.sens.recording import SensRecord, write_sens
from tests.data.small_sens import (
    colour_payload,
    depth_payload,
    small_depth,
    small_header,
    small_pose,
    small_sens,
)


@pytest.fixture
def sens(tmp_path):
    return small_sens(tmp_path / "a.sens", 25)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def other_sens(path, frames=25, first=100):
    """A recording of the same camera, of other images."""
    records = (
        SensRecord(
            small_pose(number), 0, 0,
            colour_payload(number, "jpeg"), depth_payload(small_depth(number), "zlib"),
        )
        for number in range(first, first + frames)
    )  # fmt: skip
    write_sens(path, small_header(), records)
    return path


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def kill_after(monkeypatch, chunks):
    """Let extractions end like a process that is killed after so many chunks of eight frames."""

    def extract_chunk(*arguments):
        nonlocal chunks
        if chunks == 0:
            raise KeyboardInterrupt
        chunks -= 1
        return extracting(*arguments)

    extracting = sens_extract._extract_chunk
    monkeypatch.setattr(sens_extract, "_extract_chunk", extract_chunk)


@pytest.mark.parametrize("every", [5, 10])
def test_frames_of_another_recording_are_not_added_to_a_folder(sens, out, tmp_path, every):
    extract_frames(sens, out, every=5)
    before = contents(out)
    with pytest.raises(InTheWayError) as error:
        extract_frames(other_sens(tmp_path / "b.sens"), out, every)
    for part in (str(out), "another recording: a.sens", "not b.sens", "into another folder"):
        assert part in str(error.value)
    assert contents(out) == before


def test_two_recordings_of_the_same_name_and_size_are_told_apart(sens, out, tmp_path):
    extract_frames(sens, out, every=5)
    other = tmp_path / "other" / "a.sens"
    other.parent.mkdir()
    content = bytearray(sens.read_bytes())
    content[-2 * 128 - 8 - 1] ^= 1  # IMU records of 128 bytes follow the last frame
    other.write_bytes(content)
    with pytest.raises(InTheWayError, match="another recording"):
        extract_frames(other, out, every=5)


def test_the_same_recording_under_another_name_is_gone_on_with(sens, out, tmp_path):
    extract_frames(sens, out, every=5)
    survey = extract_frames(shutil.copy(sens, tmp_path / "renamed.sens"), out, every=5)
    assert (survey.written, survey.kept) == (0, 5)


def test_a_step_that_would_leave_frames_outside_the_survey_is_refused(sens, out):
    extract_frames(sens, out, every=2)
    before = contents(out)
    with pytest.raises(InTheWayError) as error:
        extract_frames(sens, out, every=5)
    assert re.search(r"color/2.jpg, color/4.jpg, .* and \d+ more are not among", str(error.value))
    assert "every 2th was extracted before" in str(error.value)
    assert contents(out) == before


def test_a_step_that_takes_all_frames_that_are_there_adds_the_others(sens, out, tmp_path):
    extract_frames(sens, out, every=10)
    survey = extract_frames(sens, out, every=5)
    assert (survey.frames, survey.written, survey.kept) == ((0, 5, 10, 15, 20), 2, 3)
    extract_frames(sens, tmp_path / "anew", every=5)
    assert contents(out) == contents(tmp_path / "anew")


def test_a_killed_first_run_is_known_by_its_recording_and_gone_on_with(
    sens, out, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            extract_frames(sens, out, every=1)
    with pytest.raises(DataError, match="no such file"):
        read_extraction(out)
    with pytest.raises(InTheWayError, match="another recording"):
        extract_frames(other_sens(tmp_path / "b.sens"), out, every=1)
    with pytest.raises(InTheWayError, match=r"color/1\.jpg"):
        extract_frames(sens, out, every=2)
    assert extract_frames(sens, out, every=1).kept == 8
    assert not (out / BEGUN_NAME).exists()
    assert verify_frames(out) == ()


def test_while_frames_are_added_the_old_survey_does_not_call_them_whole(sens, out, monkeypatch):
    extract_frames(sens, out, every=5)
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            extract_frames(sens, out, every=1)
    with pytest.raises(DataError, match="no such file"):
        read_extraction(out)
    assert extract_frames(sens, out, every=1).frames == tuple(range(25))


def test_a_file_that_somebody_added_is_named(sens, out):
    extract_frames(sens, out, every=5)
    shutil.copy(out / "color" / "5.jpg", out / "color" / "5.png")
    with pytest.raises(InTheWayError, match=r"color/5\.png are not among"):
        extract_frames(sens, out, every=5)


def test_frames_of_which_nothing_says_whose_they_are_are_not_overwritten(sens, out):
    (out / "pose").mkdir(parents=True)
    (out / "pose" / "0.txt").write_text("mine")
    with pytest.raises(InTheWayError, match=r"nothing says of which recording pose/0\.txt are"):
        extract_frames(sens, out, every=5)
    assert contents(out) == {"pose/0.txt": b"mine"}


def test_a_file_of_a_frame_that_is_left_out_is_noticed_at_the_end(tmp_path, out):
    frames = [
        SensRecord(
            small_pose(number), 0, 0,
            None if number == 1 else colour_payload(number, "jpeg"),
            depth_payload(small_depth(number), "zlib"),
        )
        for number in range(3)
    ]  # fmt: skip
    write_sens(tmp_path / "a.sens", small_header(), frames)
    extract_frames(tmp_path / "a.sens", out, every=1)
    shutil.copy(out / "depth" / "0.png", out / "depth" / "1.png")
    with pytest.raises(InTheWayError, match=r"depth/1\.png"):
        extract_frames(tmp_path / "a.sens", out, every=1)


def test_a_survey_from_before_recordings_had_a_fingerprint_is_known_by_its_lengths(
    sens, out, tmp_path
):
    extract_frames(sens, out, every=5)
    path = out / "extraction.json"
    told = json.loads(path.read_text())
    assert len(told.pop("sens_sha256")) == 64
    path.write_text(json.dumps(told))
    with pytest.raises(InTheWayError, match="another recording"):
        extract_frames(small_sens(tmp_path / "b.sens", 24), out, every=5)
    assert extract_frames(sens, out, every=5).kept == 5
    assert len(read_extraction(out).sens_sha256) == 64


def test_a_survey_that_cannot_be_read_is_named_with_the_way_out(sens, out):
    extract_frames(sens, out, every=5)
    (out / "extraction.json").write_text("{")
    with pytest.raises(InTheWayError, match=r"(?s)extraction\.json.*Extract into another folder"):
        extract_frames(sens, out, every=5)
