from pathlib import Path

import pytest

from hcfres.store.errors import StoreError
from hcfres.store.workspace import FORMAT, FORMAT_FILE, Workspace, home


def test_the_environment_names_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert Workspace().store == tmp_path / "here" / "store"
    assert not (tmp_path / "here").exists()


def test_without_it_the_workspace_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HCFRES_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / "workspace"


def test_a_workspace_says_its_format_once_something_is_put_into_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.claim()
    file = tmp_path / FORMAT_FILE
    assert file.read_text() == f"format = {FORMAT}\n"
    before = file.stat().st_mtime_ns
    Workspace(tmp_path).claim()
    assert file.stat().st_mtime_ns == before


def test_a_workspace_older_than_the_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    assert Workspace(tmp_path).cells == tmp_path / "cells"
    assert not (tmp_path / FORMAT_FILE).exists()


def test_a_workspace_of_a_newer_program_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / FORMAT_FILE).write_text(f"format = {FORMAT + 1}\nsomething = 'new'\n")
    with pytest.raises(StoreError, match=r"newer one\. Update hcfres, or set HCFRES_HOME"):
        Workspace(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "format = 0", "format = '1'", "format = true", "format = ", "\x00\xff", "[format]"]
)
def test_a_broken_or_foreign_format_is_never_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / FORMAT_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match="nothing in this workspace is believed"):
        Workspace(tmp_path)
