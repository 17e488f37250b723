import errno
import multiprocessing
import os
import pickle
import signal
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hcfres.config.setting import LiftingConfig
from hcfres.store.entry import RECORD, VALUE, kept_file, read_record
from hcfres.store.errors import StoreError
from hcfres.store.store import Store, Stored
from tests.store.toy import EXPENSIVE, STAGE, Numbers, make_numbers

SETTINGS = LiftingConfig(radius_m=0.04, neighbours=25, max_depth_m=20.0)
OTHER = "0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def _get(store: Store, stage=STAGE, make=lambda: make_numbers(5), **more) -> Stored:
    return store.get_or_make(stage, "scene0000_00", SETTINGS, ("a", "b"), make, **more)


def _never() -> Numbers:
    pytest.fail("it was made again")


def _visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".b"))


def _made_by_other_code(store: Store, stage) -> Stored:
    stored = _get(store, stage)
    record = replace(stored.record, fingerprint=OTHER)
    (stored.path / RECORD).write_text(record.told())
    return stored


def test_asking_twice_makes_once(store: Store) -> None:
    first = _get(store)
    second = _get(store, make=_never)
    assert (first.made, second.made) == (True, False)
    assert first.path == second.path == store.root / "numbers" / f"scene0000_00-{first.key}"
    np.testing.assert_array_equal(second.load().values, np.arange(5))
    assert not list(store.root.glob(".locks/*"))


def test_the_folder_explains_itself(store: Store) -> None:
    stored = _get(store, seed=7)
    told = tomllib.loads((stored.path / RECORD).read_text())
    assert told["stage"] == "numbers" and told["version"] == 1 and told["seed"] == 7
    assert told["settings"] == SETTINGS.model_dump()
    assert told["inputs"] == ["a", "b"]
    assert told["fingerprint"] == STAGE.fingerprint()
    assert told["files"][VALUE]["size"] == (stored.path / VALUE).stat().st_size
    assert told["seconds"] >= 0 and told["created"].endswith("+00:00")


def test_the_key_changes_with_everything_that_decides_the_value(store: Store) -> None:
    keys = [
        store.key(STAGE, SETTINGS, ("a", "b")),
        store.key(replace(STAGE, version=2), SETTINGS, ("a", "b")),
        store.key(replace(STAGE, name="others"), SETTINGS, ("a", "b")),
        store.key(STAGE, SETTINGS.model_copy(update={"neighbours": 24}), ("a", "b")),
        store.key(STAGE, None, ("a", "b")),
        store.key(STAGE, SETTINGS, ("a", "c")),
        store.key(STAGE, SETTINGS, ("b", "a")),
        store.key(STAGE, SETTINGS, ("ab",)),
        store.key(STAGE, SETTINGS, ("a", "b"), seed=0),
        store.key(STAGE, SETTINGS, ("a", "b"), seed=1),
    ]
    assert len(set(keys)) == len(keys)


def test_finding_makes_nothing(store: Store) -> None:
    assert store.find(STAGE, "x", "0" * 16) is None
    assert not store.root.exists()


@pytest.mark.parametrize("harm", ["truncate", "lengthen", "flip", "unrecord", "garble", "empty"])
def test_a_result_that_is_not_whole_is_made_again_and_the_old_one_kept_aside(
    store: Store, harm: str
) -> None:
    path = _get(store).path
    whole = (path / VALUE).read_bytes()
    if harm == "truncate":
        (path / VALUE).write_bytes(whole[:-1])
    elif harm == "lengthen":
        (path / VALUE).write_bytes(whole + b"x")
    elif harm == "flip":
        (path / VALUE).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "unrecord":
        (path / RECORD).unlink()
    elif harm == "garble":
        (path / RECORD).write_text((path / RECORD).read_text()[:40])
    else:
        (path / RECORD).write_text("")
    again = _get(store)
    assert again.made
    np.testing.assert_array_equal(again.load().values, np.arange(5))
    assert len(list((store.root / "numbers" / ".broken").iterdir())) == 1


def test_damage_that_keeps_size_and_time_is_seen_when_used(store: Store) -> None:
    path = _get(store).path / VALUE
    times = path.stat()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    stored = _get(store, make=_never)
    with pytest.raises(StoreError, match=r"is damaged: .* is made anew"):
        stored.load()
    value = store.value(STAGE, "scene0000_00", SETTINGS, ("a", "b"), lambda: make_numbers(5))
    np.testing.assert_array_equal(value.values, np.arange(5))


def test_a_value_damaged_unseen_is_made_anew_when_it_is_asked_for(store: Store) -> None:
    path = _get(store).path / VALUE
    times = path.stat()
    path.write_bytes(bytes(times.st_size))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    value = store.value(STAGE, "scene0000_00", SETTINGS, ("a", "b"), lambda: make_numbers(5))
    np.testing.assert_array_equal(value.values, np.arange(5))


def test_a_copied_result_with_new_times_is_believed_by_its_hash(store: Store) -> None:
    path = _get(store).path / VALUE
    os.utime(path, (1, 1))
    assert not _get(store, make=_never).made


def test_verify_finds_the_damaged_ones_among_all(store: Store) -> None:
    good = _get(store)
    bad = _get(store, seed=1)
    (bad.path / VALUE).write_bytes(bytes((bad.path / VALUE).stat().st_size))
    damaged = store.verify()
    assert [path.name.partition(".")[0] for path in damaged] == [bad.path.name]
    assert list(store.entries()) == [good.path]
    assert store.verify() == ()


def test_a_maker_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        _get(store, make=lambda: 1 // 0)
    assert list(store.entries()) == []
    assert _get(store).made


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        _get(store)
    assert list((store.root / "numbers").iterdir()) == []
    monkeypatch.undo()
    assert _get(store).made


def test_a_cheap_result_of_other_code_is_made_again(store: Store) -> None:
    _made_by_other_code(store, STAGE)
    found = store.find(STAGE, "scene0000_00", store.key(STAGE, SETTINGS, ("a", "b")))
    assert found is not None and not found.own_code
    assert _get(store).made
    assert not _get(store, make=_never).made


def test_a_result_of_code_marked_as_having_no_effect_is_kept(store: Store) -> None:
    _made_by_other_code(store, STAGE)
    stage = replace(STAGE, unchanged=frozenset({OTHER}))
    assert _get(store, stage, make=_never).own_code


def test_an_expensive_result_of_other_code_stops_until_a_person_accepts_it(store: Store) -> None:
    stored = _made_by_other_code(store, EXPENSIVE)
    with pytest.raises(StoreError, match=f"other code of stage 'dear' .*{OTHER}.*--accept-code"):
        _get(store, EXPENSIVE, make=_never)
    accepting = Store(store.root, accept_code=True)
    assert not _get(accepting, EXPENSIVE, make=_never).own_code
    told = tomllib.loads((stored.path / RECORD).read_text())
    assert told["fingerprint"] == OTHER
    assert told["accepted"] == [EXPENSIVE.fingerprint()]
    assert not _get(store, EXPENSIVE, make=_never).made


def test_a_label_cannot_leave_the_store(store: Store) -> None:
    for label in ("../x", "a/b", "", ".x", "x" * 200, "a\nb"):
        with pytest.raises(StoreError, match="cannot be part of a folder's name"):
            store.get_or_make(STAGE, label, None, (), lambda: make_numbers(1))


def _slowly(root: Path, log: Path) -> None:
    def make() -> Numbers:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.2)
        return make_numbers(5)

    assert len(_get(Store(root), make=make).load().values) == 5


def _for_ever(root: Path, log: Path) -> None:
    def make() -> Numbers:
        log.write_text("begun")
        time.sleep(60)
        return make_numbers(5)

    _get(Store(root), make=make)


def test_of_many_askers_one_makes(store: Store, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    askers = [context.Process(target=_slowly, args=(store.root, log)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert [asker.exitcode for asker in askers] == [0] * 4
    assert len(log.read_text().splitlines()) == 1


def test_a_killed_maker_leaves_no_result_and_no_lock(store: Store, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    maker = context.Process(target=_for_ever, args=(store.root, log))
    maker.start()
    while not log.exists():
        time.sleep(0.01)
    assert maker.pid is not None
    os.kill(maker.pid, signal.SIGKILL)
    maker.join()
    assert list(store.entries()) == []
    assert _get(store).made


def test_what_a_killed_writer_left_is_cleared_away(store: Store) -> None:
    path = _get(store).path
    half = path.with_name(f".{path.name}.123.abcd.partial")
    path.rename(half)
    assert _get(store).made
    assert _visible(path.parent) == [path.name]


def test_whoever_wants_to_know_is_told_of_every_result_that_is_read(tmp_path: Path) -> None:
    read: list[Stored] = []
    store = Store(tmp_path, noticed=read.append)
    made = _get(store)
    assert read == []
    for _ in range(2):
        store.value(STAGE, "scene0000_00", SETTINGS, ("a", "b"), _never)
    assert [stored.key for stored in read] == [made.key, made.key]


def test_the_state_of_a_result_is_what_asking_for_it_would_find(store: Store) -> None:
    key = store.key(STAGE, SETTINGS, ("a", "b"))
    assert store.state(STAGE, "scene0000_00", key) == "missing"
    _get(store)
    assert store.state(STAGE, "scene0000_00", key) == "done"
    _made_by_other_code(store, STAGE)
    assert store.state(STAGE, "scene0000_00", key) == "other code"
    assert Store(store.root, accept_code=True).state(STAGE, "scene0000_00", key) == "other code"


def test_only_an_expensive_result_of_other_code_can_be_accepted(store: Store) -> None:
    key = store.key(EXPENSIVE, SETTINGS, ("a", "b"))
    _made_by_other_code(store, EXPENSIVE)
    assert store.state(EXPENSIVE, "scene0000_00", key) == "other code"
    assert Store(store.root, accept_code=True).state(EXPENSIVE, "scene0000_00", key) == "done"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "..", ""])
def test_a_record_that_names_a_file_outside_its_folder_is_no_record(
    store: Store, name: str
) -> None:
    stored = _get(store)
    (stored.path.parent / "secret").write_text("x")
    path = stored.path / RECORD
    path.write_text(path.read_text().replace(f'"{VALUE}"', f'"{name}"'))
    assert read_record(stored.path) is None
    assert store.find(STAGE, "scene0000_00", stored.key) is None


def test_a_stored_value_is_never_code(store: Store) -> None:
    stored = _get(store)
    harm = pickle.dumps(_Harm())
    (stored.path / VALUE).write_bytes(harm)
    told = replace(stored.record, files=(kept_file(stored.path / VALUE),))
    (stored.path / RECORD).write_text(told.told())
    found = store.find(STAGE, "scene0000_00", stored.key)
    assert found is not None
    with pytest.raises(Exception, match=r"(?i)header|deserializ"):
        found.load()


class _Harm:
    """An object whose unpickling would end the tests."""

    def __reduce__(self) -> tuple:
        return pytest.exit, ("a stored value was run",)
