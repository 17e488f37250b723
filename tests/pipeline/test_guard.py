from pathlib import Path

import pytest

from hcfres.pipeline import guard, versions
from hcfres.pipeline.guard import main, write_record
from hcfres.pipeline.stages import STAGES
from hcfres.pipeline.versions import GUARDED, code_of_cells, stage_versions
from hcfres.store.recorded import recorded

OLD = "0" * 16


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> dict:
    """A record of today's code, written nowhere; `write_record` puts its argument into it."""
    told = {s.name: {"version": s.version, "fingerprint": s.fingerprint()} for s in GUARDED}

    def keep(new: dict) -> None:
        told.clear()
        told.update(new)

    monkeypatch.setattr(guard, "recorded", lambda: dict(told))
    monkeypatch.setattr(versions, "recorded", lambda: dict(told))
    monkeypatch.setattr(guard, "write_record", keep)
    return told


def test_nothing_is_said_while_code_and_record_agree(record: dict, capsys) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == "code and record agree\n"


def test_changed_code_is_told_and_can_be_marked_as_without_effect(record: dict, capsys) -> None:
    record["masks"]["fingerprint"] = OLD
    assert main([]) == 1
    assert "masks: its code changed" in capsys.readouterr().out
    assert main(["--no-effect", "masks"]) == 2
    assert "--because" in capsys.readouterr().err
    assert main(["--no-effect", "masks", "--because", "a loop was split"]) == 0
    assert record["masks"]["unchanged"] == {OLD: "a loop was split"}


def test_a_raise_is_recorded_only_after_a_raise(record: dict, capsys) -> None:
    record["masks"]["fingerprint"] = OLD
    assert main(["--raised", "masks"]) == 2
    assert "Raise it in hcfres/pipeline/stages.py" in capsys.readouterr().err
    del record["masks"]
    assert main(["--raised", "masks"]) == 0


def test_the_record_is_written_in_the_order_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.toml"
    names = [item.name for item in GUARDED]
    write_record({n: {"version": 1, "fingerprint": OLD} for n in reversed(names)}, path)
    monkeypatch.setattr("hcfres.store.recorded.RECORDED", path)
    recorded.cache_clear()
    try:
        assert list(recorded()) == names
    finally:
        recorded.cache_clear()


@pytest.mark.parametrize("name", ["masks", "rooms"])
def test_the_code_of_cells_changes_with_edited_code_but_not_with_marked_code(
    record: dict, name: str
) -> None:
    before = code_of_cells()
    record[name]["unchanged"] = {OLD: "no effect"}
    assert code_of_cells() == before
    record[name]["fingerprint"] = OLD
    assert code_of_cells() != before


def test_every_stage_has_a_version() -> None:
    assert set(stage_versions()) == {stage.name for stage in STAGES}
