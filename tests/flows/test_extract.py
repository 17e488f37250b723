"""`hcfres data extract`: frames of a recording to files, said in a line or two."""

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows import cli
from flows.commands import data as cli_data
from flows.extract import extract
from hcfres.data.errors import DataError
from tests.data.small_sens import small_sens


@pytest.fixture
def sens(tmp_path):
    return small_sens(tmp_path / "a.sens", 25)


def test_the_command_extracts_and_says_what_it_did(sens, tmp_path, monkeypatch):
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    monkeypatch.setattr(cli_data, "console", console)
    command = ["data", "extract", str(sens), "--out", str(tmp_path / "out"), "--workers", "1"]
    for said in ("3 written and read back, 0 were whole", "0 written and read back, 3 were whole"):
        assert CliRunner().invoke(cli.app, command).exit_code == 0
        assert f"3 frames in {tmp_path / 'out'}: {said} already" in console.export_text()
    assert sorted(path.name for path in (tmp_path / "out" / "color").iterdir()) == [
        "0.jpg", "10.jpg", "20.jpg",
    ]  # fmt: skip


def test_progress_and_lost_frames_are_told(sens, tmp_path):
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    extract(sens, tmp_path / "out", 1, 1, console=console)
    told = console.export_text()
    assert "a.sens: 25/25" in told
    assert "1 of them without a pose, tracking was lost: 1\n" in told


def test_a_broken_recording_is_one_error(tmp_path):
    (tmp_path / "a.sens").write_bytes(bytes(400))
    with pytest.raises(DataError, match="version 0 is the older"):
        extract(tmp_path / "a.sens", tmp_path / "out", 1, 1, console=Console(quiet=True))
    assert not (tmp_path / "out").exists()
