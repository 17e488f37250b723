"""How well the parsers find what a sentence speaks of, and how fast, on hand-labelled sentences.

    OMP_NUM_THREADS=1 python benchmarks/parsing.py [--parser spacy:en_core_web_sm] [--mistakes]

The sentences are in `tests/language/parsing/sentences.toml`, with what each mark means. Of each
half and map the F1 over all sentences together is told twice: of spans, right when both ends are,
and of words, right when they lie in a span of both. The rules were improved on the development
half; the measured one only measures. A parser that is not installed is named and left out.
Milliseconds are the processor's for a sentence, best of three, without loading the parser.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hcfres.config.loading import ConfigError
from hcfres.data.batch import TOKEN_MAPS
from hcfres.language.parsing.graph import Parser, SceneGraph
from hcfres.language.parsing.registry import load_parser, parser_identity
from hcfres.store.workspace import Workspace
from tests.language.parsing.labelled import HALVES, Half, found_in, scores, sentences

PARSERS = ("rules", "spacy:en_core_web_sm")


def main() -> None:
    """Print a table of each half, then each parser's identity and speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parser", action="append", help="as a setting writes it; may be repeated")
    parser.add_argument("--mistakes", action="store_true", help="of the development half")
    options = parser.parse_args()
    weights = Workspace().weights
    parsers: dict[str, Parser] = {}
    for name in options.parser or PARSERS:
        try:
            parsers[name] = load_parser(name, weights)
        except ConfigError as error:
            say(f"left out: {error}")
    for half in HALVES:
        say(table(half, parsers))
    for name, loaded in parsers.items():
        say(f"{name}: identity {parser_identity(name, weights)}, {milliseconds(loaded):.2f} ms")
        if options.mistakes:
            say("\n".join(mistakes(loaded)))


def table(half: Half, parsers: dict[str, Parser]) -> str:
    """F1 of spans and of words, a row for each parser, a column for each map."""
    labelled = sentences(half)
    rows = [f"\n{half}, {len(labelled)} sentences | {' | '.join(TOKEN_MAPS)}"]
    for name, parser in parsers.items():
        found = scores(alone(parser), labelled)
        told = (f"{found[kind].spans.f1:.3f} / {found[kind].words.f1:.3f}" for kind in TOKEN_MAPS)
        rows.append(f"{name} | {' | '.join(told)}")
    return "\n".join(rows)


def alone(parser: Parser) -> Callable[[str], SceneGraph]:
    """The parser of one sentence."""
    return lambda sentence: parser.parse([sentence])[0]


def milliseconds(parser: Parser) -> float:
    """Processor time of a sentence, all of them parsed at once."""
    texts = [one.text for half in HALVES for one in sentences(half)]
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        parser.parse(texts)
        best = min(best, time.process_time() - began)
    return 1e3 * best / len(texts)


def mistakes(parser: Parser) -> list[str]:
    """What the parser misses and adds, to improve rules by; never of the measured half."""
    told = []
    for one in sentences("development"):
        found = found_in(parser.parse([one.text])[0], one.text)
        for kind in TOKEN_MAPS:
            lacks, adds = one.spans[kind] - found[kind], found[kind] - one.spans[kind]
            if lacks or adds:
                words = [[one.text[a:b] for a, b in sorted(spans)] for spans in (lacks, adds)]
                told.append(f"{one.text}\n    {kind}: lacks {words[0]}, adds {words[1]}")
    return told


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
