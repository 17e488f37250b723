"""The token features of a scene's sentences."""

from collections.abc import Sequence

from hcfres.config.identity import digest
from hcfres.config.setting import TextConfig
from hcfres.data.expression import Expression
from hcfres.data.features import TextFeatures
from hcfres.language.parsing.registry import parser_identity
from hcfres.pipeline import stages
from hcfres.pipeline.jobs import Job
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.slices import TextSettings
from hcfres.store.files import file_hash
from hcfres.store.weights import RANDOM, SHIPPED, weights_identity

TINY_TOKENIZER = SHIPPED / "roberta_tiny" / "tokenizer.json"
"""What an untrained text encoder cuts sentences with."""


def text_job(
    label: str,
    expressions: Sequence[Expression],
    text: TextConfig,
    preparation: Preparation,
) -> Job[TextFeatures]:
    """The stage that encodes some sentences, keyed by their words, the encoder and the parser.

    Args:
        label: what people call them, e.g. the scene.
    """
    descriptions = tuple(expression.description for expression in expressions)
    weights = weights_identity(text.weights, preparation.machine.weights)
    if text.weights.startswith(RANDOM) and TINY_TOKENIZER.is_file():
        weights = digest(weights, file_hash(TINY_TOKENIZER))
    return Job(
        preparation.store,
        stages.TEXT,
        label,
        TextSettings(
            model=text.model,
            weights=weights,
            parser=parser_identity(text.parser, preparation.machine.weights),
        ),
        (digest(*descriptions),),
        lambda: stages.TEXT.make(descriptions, text, preparation.machine),
        progress=preparation.progress,
    )
