from pathlib import Path

import pytest

from hcfres.store.workspace import Workspace, home


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
