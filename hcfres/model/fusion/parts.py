"""What every fusion variant is given: its sizes, and the two branches of 2D features."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hcfres.config.method import Gate
from hcfres.model.superpoints import Packing


@dataclass(frozen=True)
class FusionSizes:
    """Everything a variant may need to build its layers."""

    dim: int
    heads: int
    gate: Gate
    """The form of Eq. 6's weights."""
    gate_hidden: tuple[int, ...]
    """Widths between the input and the output of the gate's network."""


@dataclass(frozen=True)
class VisualBranches:
    """MLP_dense(F_dense) and MLP_inst(F_inst) of Eq. 5, and where there was something to see."""

    dense: Float[Tensor, "superpoints dim"]
    instance: Float[Tensor, "superpoints dim"]
    dense_seen: Bool[Tensor, " superpoints"]
    instance_seen: Bool[Tensor, " superpoints"]
    packing: Packing
    """Which superpoints are of one scene."""

    def tokens(self) -> Float[Tensor, "superpoints 2 dim"]:
        """Both branches of each superpoint, dense first."""
        return torch.stack([self.dense, self.instance], dim=1)

    def usable(self) -> Bool[Tensor, "superpoints 2"]:
        """Which of the two tokens carry something; both where neither does."""
        seen = torch.stack([self.dense_seen, self.instance_seen], dim=1)
        return seen | ~seen.any(1, keepdim=True)


@dataclass(frozen=True)
class Blend:
    """V_2d and V_3d in one."""

    unified: Float[Tensor, "superpoints dim"]
    """V_unified before the norm that follows it."""
    weights: Float[Tensor, "superpoints 2 gate"] | None
    """w_2D and w_3D of Eq. 6, in this order, one or one a channel; None without a gate."""


def usable_mean(
    tokens: Float[Tensor, "superpoints 2 dim"], usable: Bool[Tensor, "superpoints 2"]
) -> Float[Tensor, "superpoints dim"]:
    """The mean over the usable tokens of each superpoint."""
    weights = usable.to(tokens.dtype)
    return torch.einsum("st,std->sd", weights / weights.sum(1, keepdim=True), tokens)
