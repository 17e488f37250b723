"""`.sens` recordings: read as ScanNet's own reader does, any frame, one frame in memory."""

import os
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.sens.recording import IMU, SensFile, SensHeader, SensRecord, open_sens, write_sens
from hcfres.store.errors import StoreError
from tests.data.small_sens import (
    colour_payload,
    depth_payload,
    small_colour,
    small_depth,
    small_header,
    small_imu,
    small_pose,
    small_sens,
)

MATRICES = ("colour_intrinsics", "colour_extrinsics", "depth_intrinsics", "depth_extrinsics")
pixels = st.integers(1, 12)


def a_record(**changes) -> SensRecord:
    whole = SensRecord(
        small_pose(0), 0, 0, colour_payload(0, "jpeg"), depth_payload(small_depth(0), "zlib")
    )
    return replace(whole, **changes)


@pytest.fixture
def golden_sens(samples):
    with open_sens(samples / "sens_golden" / "open3d_rgbd_5frames.sens") as sens:
        yield sens


def test_the_header_is_what_scannets_own_reader_prints(golden_sens, samples):
    told = (samples / "sens_golden" / "official_reader_output" / "_info.txt").read_text()
    info = dict(re.findall(r"^m_(\S+) = (.*?) *$", told, re.MULTILINE))
    header = golden_sens.header
    assert header.sensor == info["sensorName"]
    assert header.colour_size == (int(info["colorHeight"]), int(info["colorWidth"]))
    assert header.depth_size == (int(info["depthHeight"]), int(info["depthWidth"]))
    assert header.depth_shift == float(info["depthShift"])
    assert len(golden_sens) == int(info["frames.size"]) == 5
    for name, matrix in zip(("Color", "Depth"), (MATRICES[:2], MATRICES[2:]), strict=True):
        for kind, field in zip(("Intrinsic", "Extrinsic"), matrix, strict=True):
            printed = np.array(info[f"calibration{name}{kind}"].split(), float)
            assert np.array_equal(getattr(header, field).reshape(-1), printed)


def test_poses_are_what_scannets_own_reader_prints(golden_sens, samples):
    for number in range(5):
        name = f"frame-{number:06d}.pose.txt"
        printed = np.loadtxt(samples / "sens_golden" / "official_reader_output" / name)
        pose = golden_sens.pose(number)
        assert np.array_equal(np.isfinite(pose), np.isfinite(printed))
        if number == 3:
            assert (pose == -np.inf).all()
        else:
            assert np.allclose(pose, printed, rtol=1e-5, atol=0), "printed with six digits"


def test_depth_is_what_scannets_own_reader_writes(golden_sens, samples):
    path = samples / "sens_golden" / "official_reader_output" / "frame-000000.depth.pgm"
    content = path.read_bytes()
    header = re.match(rb"P5\s(?:#.*\n)?(\d+)\s(\d+)\s(\d+)\s", content)
    assert header.groups() == (b"640", b"480", b"65535")
    counts = np.frombuffer(content[header.end() :], ">u2").reshape(480, 640)
    assert np.array_equal(golden_sens.depth_counts(0), counts)
    assert np.allclose(golden_sens.depth_m(0), counts / 1000, atol=1e-6)


def test_images_are_those_that_the_recording_was_made_from(golden_sens, samples):
    colour = sorted((samples / "open3d_rgbd" / "color").glob("*.jpg"))
    assert len(colour) == 5
    for number, path in enumerate(colour):
        assert golden_sens.record(number).colour == path.read_bytes()
        assert golden_sens.colour(number).shape == (480, 640, 3)
        with Image.open(samples / "open3d_rgbd" / "depth" / f"{path.stem}.png") as image:
            assert np.array_equal(golden_sens.depth_counts(number), np.asarray(image))


def test_the_inertial_records_are_read(golden_sens):
    imu = golden_sens.imu()
    assert imu.dtype == IMU
    assert len(imu) == 3
    assert np.isfinite(imu["gravity"]).all()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    """Any header, any poses, any payloads of fitting lengths, any inertial records."""
    folder = tmp_path_factory.mktemp("sens")
    floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
    header = SensHeader(
        data.draw(st.text(st.characters(codec="utf-8"), max_size=20)),
        *(data.draw(arrays(np.float32, (4, 4), elements=floats)) for _ in MATRICES),
        colour_kind=data.draw(st.sampled_from(["raw", "png", "jpeg"])),
        depth_kind=data.draw(st.sampled_from(["raw", "zlib"])),
        colour_size=data.draw(st.tuples(pixels, pixels)),
        depth_size=data.draw(st.tuples(pixels, pixels)),
        depth_shift=data.draw(st.floats(1, 65536, width=32)),
    )
    shapes = (*header.colour_size, 3), header.depth_size
    depth = data.draw(arrays(np.uint16, shapes[1]))
    colour = data.draw(arrays(np.uint8, shapes[0])).tobytes()
    if header.colour_kind != "raw":
        colour = data.draw(st.binary(max_size=50))
    times = st.integers(0, 2**64 - 1)
    records = [
        SensRecord(
            data.draw(arrays(np.float32, (4, 4), elements=st.floats(width=32))),
            data.draw(times),
            data.draw(times),
            data.draw(st.sampled_from([colour or None, None])),
            data.draw(st.sampled_from([depth_payload(depth, header.depth_kind), None])),
        )
        for _ in range(data.draw(st.integers(0, 4)))
    ]
    imu = np.frombuffer(data.draw(st.binary(min_size=256, max_size=256)), IMU)
    assert write_sens(folder / "a.sens", header, records, imu) == len(records)
    with open_sens(folder / "a.sens") as sens:
        assert_same(sens, header, records, imu)
        for number in data.draw(st.permutations(range(len(records)))):
            counts = sens.depth_counts(number)
            assert (counts is None) == (records[number].depth is None)
            assert counts is None or np.array_equal(counts, depth)


def assert_same(sens: SensFile, header: SensHeader, records: list, imu: np.ndarray) -> None:
    for name in (f for f in vars(header) if f not in MATRICES):
        assert getattr(sens.header, name) == getattr(header, name), name
    for name in MATRICES:
        assert np.array_equal(getattr(sens.header, name), getattr(header, name)), name
    assert len(sens) == len(records)
    for number, record in enumerate(records):
        found = sens.record(number)
        assert np.array_equal(found.pose, record.pose, equal_nan=True)
        assert np.array_equal(sens.pose(number), record.pose, equal_nan=True)
        for name in ("colour", "depth", "colour_time_us", "depth_time_us"):
            assert getattr(found, name) == getattr(record, name), name
    assert sens.imu().tobytes() == imu.tobytes()


@pytest.mark.parametrize("colour", ["raw", "png", "jpeg"])
@pytest.mark.parametrize("depth", ["raw", "zlib"])
def test_every_kind_of_image_is_decoded(tmp_path, colour, depth):
    with open_sens(small_sens(tmp_path / "a.sens", 3, colour, depth)) as sens:
        for number in (2, 0, 1):
            error = np.abs(sens.colour(number).astype(int) - small_colour(number))
            assert error.max() <= (40 if colour == "jpeg" else 0)
            assert np.array_equal(sens.depth_counts(number), small_depth(number))
        assert np.array_equal(sens.imu(), small_imu())


def test_depth_is_counts_over_the_shift(tmp_path):
    """250 counts to a metre: 500 counts are two metres."""
    counts = np.full((6, 8), 500, np.uint16)
    counts[0, 0] = 0
    record = a_record(depth=depth_payload(counts, "zlib"))
    write_sens(tmp_path / "a.sens", small_header(shift=250.0), [record])
    with open_sens(tmp_path / "a.sens") as sens:
        depth = sens.depth_m(0)
    assert depth.dtype == np.float32
    assert depth[0, 0] == 0
    assert (depth.reshape(-1)[1:] == 2).all()


def test_an_empty_payload_is_no_image(tmp_path):
    records = [a_record(colour=None), a_record(depth=None), a_record(colour=b"", depth=b"")]
    write_sens(tmp_path / "a.sens", small_header(), records)
    with open_sens(tmp_path / "a.sens") as sens:
        assert [sens.colour(i) is None for i in range(3)] == [True, False, True]
        assert [sens.depth_m(i) is None for i in range(3)] == [False, True, True]
        assert sens.record(2).colour is sens.record(2).depth is None


def test_a_recording_without_frames_is_a_recording(tmp_path):
    write_sens(tmp_path / "a.sens", small_header(), [])
    with open_sens(tmp_path / "a.sens") as sens:
        assert len(sens) == 0
        with pytest.raises(IndexError, match="frames 0 to -1, not 0"):
            sens.pose(0)


def test_threads_share_an_opened_recording(tmp_path):
    with (
        open_sens(small_sens(tmp_path / "a.sens", 12, "png")) as sens,
        ThreadPoolExecutor(4) as threads,
    ):
        images = list(threads.map(sens.colour, list(range(12)) * 5))
    for number, image in enumerate(images):
        assert np.array_equal(image, small_colour(number % 12))


def test_a_recording_of_gigabytes_takes_the_memory_of_one_frame(tmp_path):
    """400 frames of almost 10 MB each, holes of a sparse file; opened and read under 1 MB more."""
    path, frames, length = tmp_path / "a.sens", 400, 9_900_000
    header = replace(small_header("jpeg"), colour_size=(1080, 1920))
    first = a_record(colour=colour_payload(0, "jpeg").ljust(length, b"\0"))
    write_sens(path, header, [first])
    frame = path.stat().st_size - 304 - len("StructureSensor") - 8
    start = path.read_bytes()[: 304 + len("StructureSensor")]
    head = path.read_bytes()[len(start) : len(start) + 96]
    with path.open("r+b") as file:
        for number in range(frames):
            file.seek(len(start) + number * frame)
            file.write(head)
        file.seek(len(start) - 8)
        file.write(frames.to_bytes(8, "little"))
        file.truncate(len(start) + frames * frame)
    assert path.stat().st_size > 3.9e9
    tracemalloc.start()
    with open_sens(path) as sens:
        assert len(sens) == frames
        assert np.array_equal(sens.pose(399), np.float32(first.pose))
        opened = tracemalloc.get_traced_memory()[1]
        assert len(sens.record(200).colour) == length
        whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert opened < 1e6
    assert whole < 2 * length + 1e6


def test_a_recording_that_changed_under_the_reader_is_refused(tmp_path):
    path = small_sens(tmp_path / "a.sens")
    with open_sens(path) as sens:
        index = sens.index
        with path.open("r+b") as file:
            file.seek(int(index.offsets[1]) + 80)
            file.write((1).to_bytes(8, "little"))
        with pytest.raises(DataError, match="changed since it was indexed"):
            sens.colour(1)
        os.truncate(path, 500)
        with pytest.raises(DataError, match="shorter while it was read"):
            sens.record(2)
    with pytest.raises(DataError, match="changed since it was indexed"):
        SensFile(index)


def test_a_failed_write_leaves_nothing_and_the_old_file(tmp_path, monkeypatch):
    path = small_sens(tmp_path / "a.sens")
    before = path.read_bytes()

    def records():
        yield a_record()
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="the disk is full"):
        write_sens(path, small_header(), records())
    with pytest.raises(DataError, match="frame 0: 575 bytes of raw colour for 16x12 pixels"):
        write_sens(path, small_header("raw"), [a_record(colour=bytes(575))])
    with pytest.raises(DataError, match="depthShift is 0"):
        write_sens(path, small_header(shift=0.0), [])
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
