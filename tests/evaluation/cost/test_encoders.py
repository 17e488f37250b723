"""Encoders with the weights that are at hand."""

import pytest
import torch

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig, TextConfig
from hcfres.evaluation.cost.encoders import (
    clip_at_hand,
    pooler_size,
    sam_at_hand,
    size_of,
    text_at_hand,
)


def _text(model, weights):
    return TextConfig(model=model, weights=weights, parser="rules")


def test_shipped_weights_are_taken(tmp_path):
    clip = clip_at_hand(EncoderConfig(model="tiny", weights="package:clip_tiny"), tmp_path)
    text = text_at_hand(_text("tiny", "package:roberta_tiny"), tmp_path)
    assert clip.said == "tiny"
    assert text.said == "tiny"


def test_absent_weights_are_random_and_said_to_be(tmp_path):
    sam = sam_at_hand(EncoderConfig(model="tiny", weights="sam.pth"), tmp_path)
    assert sam.said == "tiny, random weights"
    assert not sam.encoder.training
    named = clip_at_hand(EncoderConfig(model="tiny", weights="random:3"), tmp_path)
    assert not named.trained


def test_roberta_base_without_its_files_has_its_size(tmp_path):
    with torch.device("meta"):
        text = text_at_hand(_text("base", "roberta-base"), tmp_path)
    assert text.said == "base, random weights"
    assert size_of(text.encoder.network) == 124_055_040
    assert pooler_size(text.encoder) == 590_592


def test_a_tiny_text_encoder_that_is_not_there_is_no_base(tmp_path):
    with pytest.raises(ConfigError, match="lacks"):
        text_at_hand(_text("tiny", "mine"), tmp_path)
