"""RoBERTa as a part of the network, learnt with the rest (decision 130)."""

from pathlib import Path

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import RobertaModel

from hcfres.config.setting import SettingConfig
from hcfres.language.roberta import hidden_states, load_text


class TrainedText(nn.Module):
    """Token ids to token features, as `roberta.encode` computes them while in evaluation mode."""

    def __init__(self, network: RobertaModel) -> None:
        super().__init__()
        self.network = network.requires_grad_(True)

    def forward(
        self, ids: Int[Tensor, "expressions tokens"], valid: Bool[Tensor, "expressions tokens"]
    ) -> Float[Tensor, "expressions tokens text_width"]:
        """The last hidden states, zero at padding."""
        return hidden_states(self.network, ids, valid)


def trained_text(setting: SettingConfig, weights_dir: Path) -> TrainedText | None:
    """The text encoder that the network owns, before its first step.

    Returns:
        None where the setting's encoder is frozen: the batches hold its features.

    Raises:
        ConfigError, DataError: as `load_text`.
    """
    if setting.training.text == "frozen":
        return None
    return TrainedText(load_text(setting.text, weights_dir).network)
