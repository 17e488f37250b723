"""When a cell counts as finished, and when its files are no longer what they were."""

import json
import os

import pytest

from flows.cells.finished import read_finished
from hcfres.store.workspace import Workspace
from tests.flows.whole_cells import whole_grid


@pytest.fixture
def cell(tmp_path):
    """The folder of a finished cell."""
    return whole_grid(Workspace(tmp_path), done=1).cells[0].folder


def flip(path, at=-2):
    """Change one bit, and not the time."""
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_whole_cell_is_finished(cell):
    assert read_finished(cell).key == cell.name


def test_one_lost_bit_of_its_numbers_is_seen_whatever_the_time_says(cell):
    flip(cell / "results.json")
    assert read_finished(cell) is None


def test_a_file_that_was_written_over_with_as_many_bytes_is_seen(cell):
    path = cell / "predictions.parquet"
    flip(path)
    assert read_finished(cell) is not None
    os.utime(path)
    assert read_finished(cell) is None


def test_a_copied_cell_is_finished_whatever_its_times(cell):
    for path in cell.rglob("*"):
        os.utime(path)
    assert read_finished(cell) is not None


def test_a_cell_of_before_hashes_goes_by_its_sizes(cell):
    done = json.loads((cell / "DONE.json").read_text())
    (cell / "DONE.json").write_text(json.dumps(done | {"hashes": {}}))
    assert read_finished(cell) is not None
    (cell / "predictions.parquet").write_bytes(b"")
    assert read_finished(cell) is None
