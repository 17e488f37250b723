"""Rooms that other code made do not count, however whole they are."""

import json
from pathlib import Path

import pytest

from hcfres.config.setting import RoomsConfig
from hcfres.data.rooms import build
from hcfres.data.rooms.build import are_sentences_made, is_made, make_rooms, room_flaws
from hcfres.data.rooms.code import rooms_code
from hcfres.data.rooms.marker import Code
from hcfres.pipeline.versions import ROOMS
from hcfres.store.recorded import recorded
from tests.data.rooms.contents import contents


def as_if_code_were(monkeypatch: pytest.MonkeyPatch, fingerprint: str, *same: str) -> None:
    code = Code(fingerprint, frozenset(same))
    monkeypatch.setattr(build, "rooms_code", lambda: code)


def test_rooms_and_sentences_of_other_code_are_made_again(
    copied: Path, rooms_folder: Path, config: RoomsConfig, monkeypatch: pytest.MonkeyPatch
):
    before = contents(copied)
    with monkeypatch.context() as patch:
        as_if_code_were(patch, "edited")
        assert not is_made(0, copied, 4)
        assert not are_sentences_made(config, copied)
        assert contents(copied) == before
        assert make_rooms(config, copied, lambda *_: None) == 3
        assert is_made(0, copied, 4)
        assert are_sentences_made(config, copied)
    assert not is_made(0, copied, 4)
    assert make_rooms(config, copied, lambda *_: None) == 3
    assert contents(copied) == contents(rooms_folder)


def test_rooms_of_code_that_is_marked_as_making_the_same_are_kept(
    copied: Path, config: RoomsConfig, monkeypatch: pytest.MonkeyPatch
):
    as_if_code_were(monkeypatch, "edited", "older", rooms_code().fingerprint)
    before = contents(copied)
    assert make_rooms(config, copied, lambda *_: None) == 0
    assert contents(copied) == before


def test_rooms_that_do_not_say_which_code_made_them_are_made_again(
    copied: Path, rooms_folder: Path, config: RoomsConfig
):
    for path in (copied / "made").glob("*.json"):
        told = json.loads(path.read_text())
        del told["code"]
        path.write_text(json.dumps(told))
    assert room_flaws(1, copied, 4) is None
    assert make_rooms(config, copied, lambda *_: None) == 3
    assert contents(copied) == contents(rooms_folder)


def test_the_code_of_rooms_is_what_the_guard_watches():
    code = rooms_code()
    assert code.fingerprint == ROOMS.fingerprint()
    assert code.same == set(recorded()["rooms"].get("unchanged", {}))
