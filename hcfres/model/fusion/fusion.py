"""Progressive multi-level fusion of 2D and 3D (Sec. III-D), the part that no sentence enters."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.config.method import FusionConfig
from hcfres.model.fusion.fits import FITS
from hcfres.model.fusion.parts import FusionSizes, VisualBranches
from hcfres.model.fusion.registry import ACROSS, WITHIN_2D, choose
from hcfres.model.layers import mlp


@dataclass(frozen=True)
class VisualFeatures:
    """F_dense and F_inst of a batch's superpoints; zero where unseen."""

    dense: Float[Tensor, "superpoints width"]
    dense_seen: Bool[Tensor, " superpoints"]
    instance: Float[Tensor, "superpoints width"] | None
    instance_seen: Bool[Tensor, " superpoints"] | None


@dataclass(frozen=True)
class Fused:
    """V_unified, and the 2D features that the refinement looks at."""

    unified: Float[Tensor, "superpoints dim"]
    semantics: Float[Tensor, "superpoints dim"]
    """MLP_inst(F_inst); MLP_dense(F_dense) when the method has no instances (decision 20)."""
    seen: Bool[Tensor, " superpoints"]
    """Where `semantics` comes from something seen."""


class Fusion(nn.Module):
    """V_unified = LayerNorm of what `across` makes of V_3d and of what `within` makes of the 2D.

    Without instances there is nothing to integrate within 2D: V_2d = MLP_dense(F_dense).
    """

    def __init__(
        self, config: FusionConfig, width: int, dim: int, heads: int, instances: bool
    ) -> None:
        super().__init__()
        fit = FITS[config.fit]
        sizes = FusionSizes(dim, heads, config.gate, fit.widths("gate", dim))
        within = choose(WITHIN_2D, config.within_2d, "fusion.within_2d")
        across = choose(ACROSS, config.across, "fusion.across")
        self.instances = instances
        self.dense = mlp(width, *fit.widths("dense", dim), dim)
        if instances:
            self.instance = mlp(width, *fit.widths("instance", dim), dim)
            self.within = within(sizes)
        self.across = across(sizes)
        self.norm = nn.LayerNorm(dim)

    def forward(self, geometry: Float[Tensor, "superpoints dim"], visual: VisualFeatures) -> Fused:
        """Fuse V_3d with the 2D features."""
        dense = self.dense(visual.dense)
        if visual.instance is None or visual.instance_seen is None:
            return Fused(self.norm(self.across(dense, geometry)), dense, visual.dense_seen)
        instance = self.instance(visual.instance)
        branches = VisualBranches(dense, instance, visual.dense_seen, visual.instance_seen)
        unified = self.norm(self.across(self.within(branches), geometry))
        return Fused(unified, instance, visual.instance_seen)
