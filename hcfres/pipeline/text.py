"""The token features of a scene's sentences."""

from collections.abc import Sequence

from hcfres.config.identity import digest
from hcfres.config.setting import EncoderConfig
from hcfres.data.expression import Expression
from hcfres.data.features import TextFeatures
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
    encoder: EncoderConfig,
    preparation: Preparation,
) -> Job[TextFeatures]:
    """The stage that encodes some sentences, keyed by their words and the encoder's files.

    Args:
        label: what people call them, e.g. the scene.
    """
    descriptions = tuple(expression.description for expression in expressions)
    weights = weights_identity(encoder.weights, preparation.machine.weights)
    if encoder.weights.startswith(RANDOM) and TINY_TOKENIZER.is_file():
        weights = digest(weights, file_hash(TINY_TOKENIZER))
    return Job(
        preparation.store,
        stages.TEXT,
        label,
        TextSettings(model=encoder.model, weights=weights),
        (digest(*descriptions),),
        lambda: stages.TEXT.make(descriptions, encoder, preparation.machine),
        progress=preparation.progress,
    )
