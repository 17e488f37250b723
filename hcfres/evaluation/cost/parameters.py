"""Parameters of each part of a method: those that learn, those that do not, those without effect.

The last are what the public code owns and never uses. They are in Table IV's totals; here they
exist only under `legacy = ["dead_heads"]` (decision 69).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from hcfres.config.method import MethodConfig
from hcfres.config.setting import SizeConfig
from hcfres.evaluation.cost.scenes import Widths
from hcfres.model.build import build_network

TEXT_ENCODER = "RoBERTa"
_PREFIXES = {
    "encoder.backbone.": "U-Net",
    "encoder.adapter.": "adapter (Eq. 1)",
    "encoder.mask_features.": "mask features",
    "encoder.fusion.": "fusion (Eq. 5, Eq. 6)",
    "encoder.spatial.": "spatial attention of the seeds",
    "encoder.query_generator.": "query generator",
    "text_adapter.": "text adapter",
    "selection.": "selection",
    "context.": "refinement",
    "refinement.": "refinement",
    "decoder.layers.": "decoder layers",
    "decoder.heads.": "heads",
    "decoder.sem_cls_head": "class heads",
    "text_encoder.": TEXT_ENCODER,
}
_OTHERS = "others"


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters; buffers are not counted."""

    trainable: int
    frozen: int
    dead: int = 0
    """Of the public code, without effect; not among the other two, and not in our network."""

    @property
    def total(self) -> int:
        """Those that have an effect."""
        return self.trainable + self.frozen

    def __add__(self, other: "Parameters") -> "Parameters":
        return Parameters(
            self.trainable + other.trainable, self.frozen + other.frozen, self.dead + other.dead
        )


def count_parameters(network: nn.Module, frozen: Iterable[nn.Module] = ()) -> Parameters:
    """Count the parameters that were trained and those that were not.

    Args:
        network: split by whether its parameters require a gradient.
        frozen: networks in front of it, such as the text encoder; counted as frozen.
    """
    sizes = [(parameter.requires_grad, parameter.numel()) for parameter in network.parameters()]
    before = sum(p.numel() for module in frozen for p in module.parameters())
    trainable = sum(size for trained, size in sizes if trained)
    return Parameters(trainable, sum(size for _, size in sizes) - trainable + before)


def parameters_by_part(
    network: nn.Module, published: nn.Module | None = None
) -> dict[str, Parameters]:
    """Count the parameters of each part, in the order of the paper's figure.

    Args:
        network: of a method.
        published: the same method's with the dead parameters of the public code.
    """
    own = dict(network.named_parameters())
    found: dict[str, Parameters] = {}
    for name, parameter in own.items():
        trained = parameter.requires_grad
        size = parameter.numel()
        counted = Parameters(size if trained else 0, 0 if trained else size)
        found[_part(name)] = found.get(_part(name), Parameters(0, 0)) + counted
    for name, parameter in (published or nn.Module()).named_parameters():
        if name not in own:
            dead = Parameters(0, 0, parameter.numel())
            found[_part(name)] = found.get(_part(name), Parameters(0, 0)) + dead
    order = dict.fromkeys((*_PREFIXES.values(), _OTHERS))
    return {part: found[part] for part in order if part in found}


def total(parts: Mapping[str, Parameters]) -> Parameters:
    """Add the parts up."""
    return sum(parts.values(), Parameters(0, 0))


def with_dead(method: MethodConfig, size: SizeConfig, widths: Widths, text: int) -> nn.Module:
    """The method's network as public code has it, without values: on torch's meta device.

    Args:
        widths: of the 2D features.
        text: width of the text encoder's.
    """
    legacy = tuple(dict.fromkeys((*method.legacy, "dead_heads")))
    published = method.model_copy(update={"legacy": legacy})
    with torch.device("meta"):
        return build_network(published, size, widths.dense, text, widths.instance)


def _part(name: str) -> str:
    return next((part for prefix, part in _PREFIXES.items() if name.startswith(prefix)), _OTHERS)
