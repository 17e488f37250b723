"""Measurements kept as files."""

import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.cost.records import CostRecord, DecoderRecord, read_records, write_records
from tests.reporting.cost.fabricated import make_decoders, make_record


def test_what_is_kept_is_read_again(tmp_path):
    path = tmp_path / "folder" / "cost.json"
    records = make_record(points=(9, 20, 40)), make_record(method="mdin")
    write_records(path, CostRecord, *records)
    assert read_records(path, CostRecord) == records
    write_records(path, DecoderRecord, make_decoders())
    assert read_records(path, DecoderRecord) == (make_decoders(),)


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "cost.json"
    write_records(path, CostRecord, make_record())
    path.write_text(path.read_text().replace('"load"', '"burden"'))
    with pytest.raises(DataError, match=r"0\.rig\.load: no CostRecord of this version"):
        read_records(path, CostRecord)


def test_the_scene_of_middle_size_is_the_reference():
    assert make_record(points=(20, 9, 40)).reference.points == 20
    assert make_record(points=(9, 20)).reference.points == 20
