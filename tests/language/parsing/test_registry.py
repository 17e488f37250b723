"""Parsers by name: what is not there is refused, with the way to get it."""

import subprocess
import sys
from pathlib import Path

import pytest

from hcfres.config.loading import ConfigError, parse
from hcfres.config.setting import TextConfig
from hcfres.language.parsing.graph import Parser
from hcfres.language.parsing.registry import PARSERS, load_parser, parser_identity
from hcfres.language.parsing.rules import RuleParser


def test_the_rules_need_nothing(tmp_path: Path) -> None:
    assert isinstance(load_parser("rules", tmp_path), RuleParser)
    assert isinstance(load_parser("rules", tmp_path), Parser)
    assert parser_identity("rules", tmp_path) == "rules"


@pytest.mark.parametrize("ask", [load_parser, parser_identity])
def test_a_parser_that_there_is_not_is_refused(ask, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no parser is called 'rule'; did you mean `rules`\?"):
        ask("rule", tmp_path)
    with pytest.raises(ConfigError, match="'rules:fast': it has no variants"):
        ask("rules:fast", tmp_path)


@pytest.mark.parametrize(
    "name", ["", "spacy:", "spacy:../elsewhere", "spacy:a/b", "spacy:a:b", "r s"]
)
def test_a_name_that_could_be_a_path_is_no_parser(name: str) -> None:
    raw = {"model": "tiny", "weights": "random:0", "parser": name}
    with pytest.raises(ConfigError, match="parser: "):
        parse(raw, TextConfig, "here")


def test_knowing_the_parsers_imports_neither_torch_nor_spacy() -> None:
    code = (
        "import sys; from hcfres.language.parsing.registry import parser_identity; "
        "from pathlib import Path; parser_identity('rules', Path()); "
        "sys.exit(bool({'torch', 'spacy', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert tuple(PARSERS) == ("rules", "spacy")
