"""The ancestors' frozen RoBERTa, whose dropout is active in training (decision 131)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from transformers import RobertaModel

from hcfres.data.batch import Batch
from hcfres.language.roberta import hidden_states


class TextDropout:
    """Calls a network with token features computed anew, other units dropped each time.

    It is no part of the network: evaluation reads the stored features, as the ancestors' evaluation
    drops nothing.

    Args:
        predict: the network's output for a batch.
        encoder: frozen; it is taken to `device`, where the network is.
    """

    def __init__(self, predict: Callable[[Batch], Any], encoder: RobertaModel, device: str) -> None:
        self._predict = predict
        self._encoder = encoder.train()
        self._encoder.to(device)  # type: ignore[arg-type]

    def __call__(self, batch: Batch) -> Any:
        """The network's predictions for a batch.

        Raises:
            ValueError: the batch has no token ids.
        """
        text = batch.text
        if text.ids is None:
            raise ValueError("dropout of the text encoder needs token ids, and the batch has none")
        with torch.no_grad():
            features = hidden_states(self._encoder, text.ids, text.valid)
        return self._predict(replace(batch, text=replace(text, features=features)))
