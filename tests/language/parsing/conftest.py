"""A folder of weights that holds a spaCy pipeline."""

from pathlib import Path

import pytest

from tests.language.parsing.tiny_pipeline import train


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the pipeline `heart` lies."""
    pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'hcfres[spacy]'")
    root = tmp_path_factory.mktemp("weights")
    train(root / "heart")
    return root
