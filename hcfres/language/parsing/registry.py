"""The parsers by name. A new one is a file beside these and a line here.

A setting writes `rules` or `spacy:PIPELINE`. Nothing is imported that the parser asked for does
not need, and its identity is known without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hcfres.config.loading import ConfigError
from hcfres.config.problems import nearest
from hcfres.language.parsing.graph import Parser
from hcfres.language.parsing.rules import load_rules, rules_identity
from hcfres.language.parsing.spacy_pipeline import load_spacy, spacy_identity


@dataclass(frozen=True)
class Backend:
    """How a kind of parser is had; both are given what follows the colon, and a folder."""

    load: Callable[[str, Path], Parser]
    identity: Callable[[str, Path], str]


PARSERS = {
    "rules": Backend(load_rules, rules_identity),
    "spacy": Backend(load_spacy, spacy_identity),
}


def load_parser(name: str, weights_dir: Path) -> Parser:
    """The parser that a setting names.

    Args:
        weights_dir: the workspace's folder of weights, where pipelines may lie.

    Raises:
        ConfigError: there is no such parser, or what it needs is missing; with the way to get it.
    """
    backend, rest = _chosen(name)
    return backend.load(rest, weights_dir)


def parser_identity(name: str, weights_dir: Path) -> str:
    """Identify a parser by what decides its answers, apart from this package's code.

    Raises:
        ConfigError: there is no such parser, or what it needs is missing; with the way to get it.
    """
    backend, rest = _chosen(name)
    return backend.identity(rest, weights_dir)


def _chosen(name: str) -> tuple[Backend, str]:
    kind, _, rest = name.partition(":")
    if kind not in PARSERS:
        raise ConfigError(f"no parser is called {kind!r}; {nearest(kind, tuple(PARSERS), 'known')}")
    return PARSERS[kind], rest
