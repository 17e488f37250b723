"""Broken and hostile `.sens` recordings: read correctly or refused, within a bound of memory."""

import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.errors import DataError
from hcfres.data.sens.recording import SensFile, SensRecord, open_sens, write_sens
from tests.data.small_sens import (
    DEPTH_SIZE,
    colour_payload,
    depth_payload,
    every_reading,
    small_depth,
    small_header,
    small_pose,
    small_sens,
)

NAME = len("StructureSensor")
COLOUR_KIND, SIZES, SHIFT, FRAMES = NAME + 268, NAME + 276, NAME + 292, NAME + 296
FIRST = NAME + 304


@pytest.fixture
def path(tmp_path):
    return small_sens(tmp_path / "a.sens")


def put(path, place, form, *values):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(struct.pack(form, *values))
    return path


def refusal(path) -> str:
    with pytest.raises(DataError) as caught:
        open_sens(path)
    assert caught.value.source == str(path)
    return str(caught.value).removeprefix(str(path))


def test_every_truncation_is_refused_or_read_correctly(path):
    """Only the end of the frames is a place where a whole recording may end: without an IMU."""
    content = small_sens(path, 2, "png").read_bytes()
    with open_sens(path) as sens:
        whole = [repr(reading) for reading in every_reading(sens)]
        end = int(sens.index.offsets[-1])
    assert len(content) < 5000
    for length in range(len(content)):
        path.write_bytes(content[:length])
        if length != end:
            assert refusal(path).endswith("Fetch the file again")
            continue
        with open_sens(path) as sens:
            imu, *frames = every_reading(sens)
        assert len(imu) == 0
        assert [repr(reading) for reading in frames] == whole[1:]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_changed_bytes_are_read_or_refused_with_one_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("sens") / "a.sens"
    kinds = st.sampled_from(["raw", "png", "jpeg"]), st.sampled_from(["raw", "zlib"])
    content = bytearray(small_sens(path, 2, *map(data.draw, kinds)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        changed = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(changed)] = changed
    path.write_bytes(content)
    try:
        with open_sens(path) as sens:
            for number in range(len(sens)):
                read_or_refuse(sens, number)
    except DataError as error:
        assert error.source == str(path)
        assert error.reason


def read_or_refuse(sens: SensFile, number: int) -> None:
    for read in (sens.pose, sens.colour, sens.depth_m):
        try:
            read(number)
        except DataError as error:
            assert error.place == f"frame {number}"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (0, "version 0 is the older .sensor format"),
        (2, "version 2 is the older .sensor format"),
        (3, "version 3, from before the IMU's records"),
        (5, "version 5: this is not a .sens file"),
    ],
)
def test_other_versions_are_refused_by_name(path, version, said):
    way_out = "Only version 4 is read, which every .sens of ScanNet v2 is"
    assert refusal(put(path, 0, "<I", version)) == f", byte 0: {said}. {way_out}"


@pytest.mark.parametrize(
    ("offset", "number", "said"),
    [
        (0, -1, "colour compression -1 is unknown; read are 0 raw, 1 png, 2 jpeg"),
        (0, 3, "colour compression 3 is unknown; read are 0 raw, 1 png, 2 jpeg"),
        (4, -1, "depth compression -1 is unknown; read are 0 raw, 1 zlib"),
        (4, 2, "depth compression 2 is occi, which only its maker's library decodes; "
               "read are 0 raw, 1 zlib"),
    ],
)  # fmt: skip
def test_other_compressions_are_refused_by_name(path, offset, number, said):
    put(path, COLOUR_KIND + offset, "<i", number)
    way_out = "Record or convert it with one of these"
    assert refusal(path) == f", byte {COLOUR_KIND + offset}: {said}. {way_out}"


def test_lengths_are_held_against_the_file_before_anything_is_allocated(path):
    content, size = path.read_bytes(), path.stat().st_size
    tracemalloc.start()
    for place, form, values, said in (
        (4, "<Q", (2**63,), "byte 4: a sensor's name of 9223372036854775808 bytes"),
        (4, "<Q", (5000,), "byte 4: a sensor's name of 5000 bytes"),
        (FRAMES, "<Q", (2**62,), f"byte {FRAMES}: {2**62} frames cannot be in the"),
        (FRAMES, "<Q", (4,), "0 IMU records of 128 bytes are promised, 160 bytes follow"),
        (FRAMES, "<Q", (2,), "IMU records of 128 bytes are promised"),
        (FIRST + 80, "<Q", (1 << 40,), "1099511627776 bytes of jpeg colour for 16x12 pixels"),
        (FIRST + 80, "<Q", (size,), f"its {size} + "),
        (FIRST + 88, "<Q", (1 << 40,), "1099511627776 bytes of zlib depth for 8x6 pixels"),
        (FIRST + 88, "<Q", (size,), "beyond the file's end"),
        (SIZES, "<I", (2**32 - 1,), "4294967295x12 colour and 8x6 depth are too large"),
        (SIZES + 8, "<2I", (2**16, 2**16), "65536x65536 depth are too large"),
        (size - 264, "<Q", (2**60,), "1152921504606846976 IMU records of 128 bytes"),
        (size - 264, "<Q", (1,), "1 IMU records of 128 bytes are promised, 256 bytes follow"),
    ):
        path.write_bytes(content)
        assert said in refusal(put(path, place, form, *values))
    assert tracemalloc.get_traced_memory()[1] < 16e6
    tracemalloc.stop()


def test_numbers_without_sense_are_refused(path):
    content = path.read_bytes()
    for place, form, value, said in (
        (SHIFT, "<f", 0.0, "depthShift is 0"),
        (SHIFT, "<f", -1000.0, "depthShift is -1000"),
        (SHIFT, "<f", 1e-38, "depthShift is 1e-38: a metre has 1 to 1000000 counts"),
        (SHIFT, "<f", np.nan, "depthShift is nan"),
        (SHIFT, "<f", np.inf, "depthShift is inf"),
        (NAME + 12, "<f", np.nan, f"byte {NAME + 12}: a camera matrix is not finite"),
        (SIZES, "<I", 0, f"byte {SIZES}: 0x12 colour and 8x6 depth: 0 is no size"),
        (SIZES + 4, "<I", 0, "16x0 colour and 8x6 depth"),
        (SIZES + 8, "<I", 0, "16x12 colour and 0x6 depth"),
        (SIZES + 12, "<I", 0, "16x12 colour and 8x0 depth"),
        (12, "<B", 255, "byte 12: the sensor's name is not text"),
    ):
        path.write_bytes(content)
        assert said in refusal(put(path, place, form, value))


def test_what_is_no_file_is_refused(tmp_path):
    assert refusal(tmp_path / "absent") == ": there is no such file"
    assert refusal(tmp_path) == ": this is not a file"
    (tmp_path / "a").write_bytes(b"")
    assert "0 bytes are fewer than the 304" in refusal(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"<html>" * 100)
    assert "this is not a .sens file" in refusal(tmp_path / "a")


def write_one(path, **changes):
    record = SensRecord(
        small_pose(0), 0, 0, colour_payload(0, "jpeg"), depth_payload(small_depth(0), "zlib")
    )
    write_sens(path, small_header(), [replace(record, **changes)])
    return open_sens(path)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (zlib.compress(bytes(95)), "ends after 95 of 96 bytes"),
        (zlib.compress(bytes(97)), "holds more than the 96 bytes of the image"),
        (zlib.compress(bytes(96))[:-1], "ends after 96 of 96 bytes"),
        (zlib.compress(bytes(96))[:-1] + b"x", "is broken (Error -3"),
        (b"not zlib", "is broken (Error -3"),
        (b"x", "ends after 0 of 96 bytes"),
    ],
)
def test_depth_of_more_or_fewer_bytes_than_the_image_is_refused(tmp_path, payload, said):
    assert 2 * np.prod(DEPTH_SIZE) == 96
    with write_one(tmp_path / "a.sens", depth=payload) as sens:
        with pytest.raises(DataError) as caught:
            sens.depth_m(0)
        assert str(caught.value).startswith(f"{tmp_path}/a.sens, frame 0: the depth's zlib stream")
        assert said in str(caught.value)
        assert sens.colour(0) is not None


def test_a_stream_that_would_fill_the_memory_is_not_expanded(tmp_path):
    """128 MB of zeros in 128 kB."""
    stream = zlib.compressobj(9)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(1 << 7)) + stream.flush()
    with write_one(tmp_path / "a.sens", depth=bomb) as sens:
        del bomb
        tracemalloc.start()
        with pytest.raises(DataError, match="more than the 96 bytes"):
            sens.depth_counts(0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16e6


def test_a_broken_colour_image_is_refused(tmp_path):
    """Cut short, of another size, of another kind, or no image."""
    payload = colour_payload(0, "jpeg")
    wide = payload.replace(struct.pack(">HH", 12, 16), struct.pack(">HH", 12, 17))
    for broken, said in (
        (payload[:300], "the jpeg colour image is broken"),
        (wide, "the colour image is 17x12 in mode RGB, not 8-bit 16x12"),
        (colour_payload(0, "png"), "the jpeg colour image is broken (cannot identify"),
        (b"x" * 100, "the jpeg colour image is broken (cannot identify"),
    ):
        with write_one(tmp_path / "a.sens", colour=broken) as sens:
            with pytest.raises(DataError) as caught:
                sens.colour(0)
            assert f"{tmp_path}/a.sens, frame 0: {said}" in str(caught.value)
            assert sens.depth_m(0) is not None
