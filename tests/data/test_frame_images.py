"""Images of frames: PGM as ScanNet's tool writes it; PNG and JPEG stand in test_frames.py."""

import numpy as np
import pytest
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.frame_images import image_size, read_depth

COUNTS = np.array([[1, 256, 65535], [0, 515, 1000]], ">u2")


def pgm(path, head: bytes = b"P5\n3 2\n65535\n", counts: bytes = COUNTS.tobytes()):
    path.write_bytes(head + counts)
    return path


def test_counts_of_a_pgm_are_big_endian_millimetres(tmp_path):
    depth = read_depth(pgm(tmp_path / "a.pgm"))
    assert depth.dtype == np.float32
    assert np.allclose(depth, [[0.001, 0.256, 65.535], [0, 0.515, 1]], rtol=1e-6)
    assert read_depth(tmp_path / "a.pgm", unit_m=1.0)[1, 1] == 515


@pytest.mark.parametrize("head", [b"P5 3 2 65535 ", b"P5\n# x\n#\n3\n# 7 7\n2\t65535\n"])
def test_spaces_and_comments_of_the_header_do_not_matter(tmp_path, head):
    assert read_depth(pgm(tmp_path / "a.pgm", head)).shape == (2, 3)
    assert image_size(tmp_path / "a.pgm") == (2, 3)


@pytest.mark.parametrize(
    ("head", "counts", "said"),
    [
        (b"P5\n3 2\n65535\n", COUNTS.tobytes()[:-1], "12 bytes, 11 are there"),
        (b"P5\n3 2\n65535\n", COUNTS.tobytes() + b"\0", "12 bytes, 13 are there"),
        (b"P5\n3 2\n255\n", bytes(6), "up to 65535; found b'P5' up to 255"),
        (b"P5\n3 2\n1000\n", bytes(12), "up to 1000"),
        (b"P5\n3 2\n", b"", "its header ends early"),
        (b"P5", b"", "its header ends early"),
        (b"P5\n#" + b"x" * 9000 + b"\n3 2 65535\n", COUNTS.tobytes(), "its header ends early"),
        (b"P5\n-3 2\n65535\n", bytes(12), "are no sizes"),
        (b"P5\n3 two 65535\n", bytes(12), "are no sizes"),
        (b"P5\n0 2\n65535\n", b"", "0x2 pixels"),
        (b"P5\n999999 999999\n65535\n", b"", "999999x999999 pixels are too many"),
        (b"P5\n99999999999999999999 2\n65535\n", b"", "are no sizes"),
    ],
)
def test_a_pgm_that_is_broken_is_refused(tmp_path, head, counts, said):
    with pytest.raises(DataError, match=said):
        read_depth(pgm(tmp_path / "a.pgm", head, counts))


def test_a_long_run_of_blanks_is_refused_at_once(tmp_path):
    with pytest.raises(DataError, match="its header ends early"):
        read_depth(pgm(tmp_path / "a.pgm", b"P5" + b" " * (1 << 20), b""))


def test_sizes_are_read_from_the_header(tmp_path):
    Image.fromarray(np.zeros((5, 7), np.uint16)).save(tmp_path / "a.png")
    assert image_size(tmp_path / "a.png") == (5, 7)
    (tmp_path / "b.png").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="the image is broken"):
        image_size(tmp_path / "b.png")
