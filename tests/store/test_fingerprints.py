import json
import os

import pytest

from hcfres.store import fingerprints
from hcfres.store.fingerprints import remembered

ROOTS = ("pack.maker:make",)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "pack"
    (folder / "deep").mkdir(parents=True)
    (folder / "maker.py").write_text("def make(): return 1\n")
    (folder / "deep" / "helper.py").write_text("ONE = 1\n")
    fresh()
    yield folder
    fresh()


def fresh():
    """As in a new process."""
    fingerprints._at_first.cache_clear()


def kept(folder):
    return list((folder / "cache" / "hcfres").iterdir())


class Walk:
    """Counts how often the code is walked."""

    def __init__(self, *found):
        self.found, self.count = list(found), 0

    def __call__(self):
        self.count += 1
        return self.found.pop(0)


def test_what_was_found_once_is_known_to_the_next_process(package):
    walk = Walk("first")
    for _ in range(2):
        fresh()
        assert remembered(ROOTS, (package,), walk) == "first"
    assert walk.count == 1
    assert remembered(("pack.maker:other",), (package,), Walk("another")) == "another"
    assert remembered(ROOTS, (package,), walk) == "first"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "deep" / "helper.py").write_text("ONE = 2\n"),
        lambda folder: (folder / "new.py").write_text(""),
        lambda folder: (folder / "maker.py").rename(folder / "made.py"),
        lambda folder: (folder / "deep" / "helper.py").unlink(),
    ],
    ids=["edited", "added", "renamed", "deleted"],
)
def test_any_change_of_any_source_asks_anew(package, change):
    remembered(ROOTS, (package,), Walk("before"))
    change(package)
    fresh()
    assert remembered(ROOTS, (package,), Walk("after")) == "after"


def test_what_a_process_found_while_a_source_was_edited_is_kept_for_nobody(package):
    def find():
        (package / "maker.py").write_text("def make(): return 2\n")
        return "of neither"

    assert remembered(ROOTS, (package,), find) == "of neither"
    fresh()
    assert remembered(ROOTS, (package,), Walk("of the second")) == "of the second"


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told.replace('"first"', '"other"'),
        lambda told: told[:40],
        lambda told: "[]",
        lambda told: "",
        lambda told: json.dumps({"sources": json.loads(told)["sources"], "found": {}}),
    ],
    ids=["changed", "cut", "a list", "empty", "no sum"],
)
def test_a_damaged_file_is_not_believed(package, tmp_path, damage):
    remembered(ROOTS, (package,), Walk("first"))
    (file,) = kept(tmp_path)
    file.write_text(damage(file.read_text()))
    assert remembered(ROOTS, (package,), Walk("found anew")) == "found anew"
    assert remembered(ROOTS, (package,), Walk()) == "found anew"


def test_a_disk_that_refuses_costs_nothing_but_time(package, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    for answer in ("once", "twice"):
        assert remembered(ROOTS, (package,), Walk(answer)) == answer


def test_of_many_states_of_the_sources_the_last_are_remembered(package, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "_MOST", 3)
    for number in range(5):
        (package / "maker.py").write_text(f"def make(): return {number}\n")
        fresh()
        remembered(ROOTS, (package,), Walk(str(number)))
        os.utime(max(kept(tmp_path), key=lambda file: file.stat().st_mtime_ns), (number, number))
    assert sorted(json.loads(file.read_text())["found"][ROOTS[0]] for file in kept(tmp_path)) == [
        "2", "3", "4",
    ]  # fmt: skip
