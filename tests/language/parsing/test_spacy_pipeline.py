"""A pipeline is found by its name and known by its files; what is missing is said."""

import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from hcfres.config.loading import ConfigError
from hcfres.language.parsing import spacy_pipeline
from hcfres.language.parsing.registry import load_parser, parser_identity
from hcfres.language.parsing.spacy_backend import SpacyParser


def test_a_pipeline_is_known_by_what_its_files_hold(weights: Path, tmp_path: Path) -> None:
    before = parser_identity("spacy:heart", weights)
    shutil.copytree(weights / "heart", tmp_path / "renamed")
    assert parser_identity("spacy:renamed", tmp_path) == before
    meta = tmp_path / "renamed" / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"version": "9.9"}))
    assert parser_identity("spacy:renamed", tmp_path) != before


def test_another_spacy_is_another_parser(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = parser_identity("spacy:heart", weights)
    monkeypatch.setattr(spacy_pipeline, "version", lambda name: "0.0")
    assert parser_identity("spacy:heart", weights) != before


def test_an_installed_pipeline_is_found_as_a_package(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "en_heart"
    shutil.copytree(weights / "heart", package / "en_heart-0.0.0")
    meta = json.loads((weights / "heart" / "meta.json").read_text())
    told = meta | {"lang": "en", "name": "heart", "version": "0.0.0"}
    (package / "meta.json").write_text(json.dumps(told))
    (package / "__init__.py").write_text(
        "from spacy.util import load_model_from_init_py\n\n\n"
        "def load(**overrides):\n    return load_model_from_init_py(__file__, **overrides)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert parser_identity("spacy:en_heart", tmp_path) != parser_identity("spacy:heart", weights)
    assert "en_heart" not in sys.modules
    assert isinstance(load_parser("spacy:en_heart", tmp_path), SpacyParser)


def test_a_pipeline_that_is_nowhere_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    pytest.importorskip("spacy")
    for ask in (load_parser, parser_identity):
        with pytest.raises(ConfigError, match="python -m spacy download en_core_web_none") as error:
            ask("spacy:en_core_web_none", tmp_path)
        assert str(tmp_path / "en_core_web_none") in str(error.value)
    with pytest.raises(ConfigError, match="no pipeline '' is installed"):
        load_parser("spacy", tmp_path)


def test_without_spacy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(spacy_pipeline, "version", absent)
    for ask in (load_parser, parser_identity):
        with pytest.raises(ConfigError, match=r"pip install 'hcfres\[spacy\]'"):
            ask("spacy:en_core_web_sm", tmp_path)


def test_a_pipeline_without_dependencies_or_with_broken_files_is_refused(
    weights: Path, tmp_path: Path
) -> None:
    spacy = pytest.importorskip("spacy")
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ConfigError, match="no dependencies, but consists of nothing"):
        load_parser("spacy:blank", tmp_path)
    shutil.copytree(weights / "heart", tmp_path / "broken")
    (tmp_path / "broken" / "parser" / "model").write_bytes(b"\x93broken")
    with pytest.raises(ConfigError, match=r"broken is not a readable pipeline .*; get it again"):
        load_parser("spacy:broken", tmp_path)
