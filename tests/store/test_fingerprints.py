import json
import os

import pytest

from hcfres.store import fingerprints
from hcfres.store.closure import closure
from hcfres.store.fingerprints import cache_folder, remembered
from hcfres.store.modules import Package

ROOTS = ("pack.maker:make",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "pack"
    (folder / "deep").mkdir(parents=True)
    (folder / "maker.py").write_text("from pack.deep.helper import ONE\ndef make(): return ONE\n")
    (folder / "deep" / "helper.py").write_text("ONE = 1\n")
    return folder


def ask(folder, walk, roots=ROOTS):
    """As a new process does."""
    return remembered(roots, Package(folder), walk)


def kept(folder):
    return list((folder / "cache" / "hcfres").iterdir())


class Walk:
    """Counts how often the code is walked."""

    def __init__(self, *found):
        self.found, self.count = list(found), 0

    def __call__(self):
        self.count += 1
        return self.found.pop(0)


def test_what_was_found_once_is_known_to_the_next_process(folder):
    walk = Walk("first")
    assert [ask(folder, walk), ask(folder, walk)] == ["first", "first"]
    assert walk.count == 1
    assert ask(folder, Walk("another"), ("pack.maker:other",)) == "another"
    assert ask(folder, walk) == "first"


CHANGES = {
    "edited": lambda folder: (folder / "deep" / "helper.py").write_text("ONE = 2\n"),
    "added": lambda folder: (folder / "new.py").write_text(""),
    "renamed": lambda folder: (folder / "maker.py").rename(folder / "made.py"),
    "deleted": lambda folder: (folder / "deep" / "helper.py").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_any_source_asks_anew(folder, change):
    ask(folder, Walk("before"))
    change(folder)
    assert ask(folder, Walk("after")) == "after"


def test_code_behind_a_link_counts_too(folder, tmp_path):
    (folder / "deep").rename(tmp_path / "elsewhere")
    (folder / "deep").symlink_to(tmp_path / "elsewhere")
    ask(folder, Walk("before"))
    (tmp_path / "elsewhere" / "helper.py").write_text("ONE = 2\n")
    assert ask(folder, Walk("after")) == "after"


def test_a_link_that_leads_back_is_entered_once(folder):
    (folder / "deep" / "again").symlink_to(folder)
    assert ask(folder, Walk("found")) == "found"


@pytest.mark.parametrize("of", ["one package", "two"])
def test_what_is_parsed_is_what_was_hashed_whenever_a_file_is_saved(folder, tmp_path, of):
    """Edited while a process runs, code is walked as that process read it, and kept as that."""

    def walked(package):
        return remembered(ROOTS, package, lambda: closure(ROOTS, package).fingerprint())

    package = Package(folder)
    if of == "two":
        (tmp_path / "other").mkdir()
        package = Package(tmp_path / "other", beside=(package,))
        package.beside[0].module("pack.deep.helper")  # parsed already, for the sake of others
    else:
        assert package.sources.sha256
    helper = folder / "deep" / "helper.py"
    helper.write_text("ONE = 2\n")
    old = walked(package)
    assert walked(Package(folder)) != old
    helper.write_text("ONE = 1\n")
    assert walked(Package(folder)) == old


@pytest.mark.parametrize("odd", ["a lock", "a folder", "no identifier"])
def test_what_is_no_module_is_in_nobodys_way(folder, odd):
    if odd == "a lock":
        (folder / ".#maker.py").symlink_to("somebody@host.1:2")
    elif odd == "a folder":
        (folder / "maker_of.py").mkdir()
    else:
        (folder / "a copy.py").write_text("")
    assert ask(folder, Walk("found")) == "found"


DAMAGES = {
    "changed": lambda told: told.replace('"first"', '"other"'),
    "cut": lambda told: told[:40],
    "a list": lambda told: "[]",
    "empty": lambda told: "",
    "no sum": lambda told: json.dumps({"sources": json.loads(told)["sources"], "found": {}}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_not_believed(folder, tmp_path, damage):
    ask(folder, Walk("first"))
    (file,) = kept(tmp_path)
    file.write_text(damage(file.read_text()))
    assert ask(folder, Walk("found anew")) == "found anew"
    assert ask(folder, Walk()) == "found anew"


def test_a_disk_that_refuses_costs_nothing_but_time(folder, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    assert [ask(folder, Walk(answer)) for answer in ("once", "twice")] == ["once", "twice"]


@pytest.mark.parametrize("place", ["relative", "~/there"])
def test_without_a_place_for_it_nothing_is_kept(folder, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    assert cache_folder() is None
    assert [ask(folder, Walk(answer)) for answer in ("once", "twice")] == ["once", "twice"]
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_of_many_states_of_the_sources_the_last_are_remembered(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "_MOST", 3)
    for number in range(5):
        (folder / "maker.py").write_text(f"def make(): return {number}\n")
        ask(folder, Walk(str(number)))
        os.utime(max(kept(tmp_path), key=lambda file: file.stat().st_mtime_ns), (number, number))
    found = [json.loads(file.read_text())["found"][ROOTS[0]] for file in kept(tmp_path)]
    assert sorted(found) == ["2", "3", "4"]
