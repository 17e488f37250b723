"""Progressive multi-level fusion of 2D and 3D (Sec. III-D), the part that no sentence enters."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.config.method import FusionConfig
from hcfres.model.fusion.fits import FITS
from hcfres.model.fusion.parts import Blend, FusionSizes, VisualBranches
from hcfres.model.fusion.registry import ACROSS, WITHIN_2D, choose
from hcfres.model.layers import mlp
from hcfres.model.superpoints import Packing


@dataclass(frozen=True)
class VisualFeatures:
    """F_dense and F_inst of a batch's superpoints; zero where unseen."""

    dense: Float[Tensor, "superpoints width"]
    dense_seen: Bool[Tensor, " superpoints"]
    instance: Float[Tensor, "superpoints instance_width"] | None
    instance_seen: Bool[Tensor, " superpoints"] | None


@dataclass(frozen=True)
class VisualWidths:
    """Widths of the 2D features."""

    dense: int
    instance: int | None
    """None for a method without instances."""


@dataclass(frozen=True)
class Fused:
    """V_unified, and what the refinement looks at."""

    unified: Float[Tensor, "superpoints dim"]
    semantics: Float[Tensor, "superpoints dim"]
    """MLP_inst(F_inst), or what `refine_with` names instead; MLP_dense(F_dense) for MLP_inst when
    the method has no instances (decision 20)."""
    seen: Bool[Tensor, " superpoints"]
    """Where `semantics` comes from something seen."""
    weights: Float[Tensor, "superpoints 2 gate"] | None
    """w_2D and w_3D (Eq. 6); None without a gate."""


class Fusion(nn.Module):
    """V_unified = LayerNorm of what `across` makes of V_3d and of what `within` makes of the 2D.

    Without instances there is nothing to integrate within 2D: V_2d = MLP_dense(F_dense).
    """

    def __init__(self, config: FusionConfig, widths: VisualWidths, dim: int, heads: int) -> None:
        super().__init__()
        fit = FITS[config.fit]
        sizes = FusionSizes(dim, heads, config.gate, fit.widths("gate", dim))
        within = choose(WITHIN_2D, config.within_2d, "fusion.within_2d")
        across = choose(ACROSS, config.across, "fusion.across")
        self.instances = widths.instance is not None
        self.refine_with = config.refine_with
        self.dense = mlp(widths.dense, *fit.widths("dense", dim), dim)
        if widths.instance is not None:
            self.instance = mlp(widths.instance, *fit.widths("instance", dim), dim)
            self.within = within(sizes)
        self.across = across(sizes)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        geometry: Float[Tensor, "superpoints dim"],
        visual: VisualFeatures,
        packing: Packing,
    ) -> Fused:
        """Fuse V_3d with the 2D features.

        Args:
            packing: which superpoints are of one scene.
        """
        dense = self.dense(visual.dense)
        semantics, seen, within = dense, visual.dense_seen, dense
        if visual.instance is not None and visual.instance_seen is not None:
            instance = self.instance(visual.instance)
            branches = VisualBranches(
                dense, instance, visual.dense_seen, visual.instance_seen, packing
            )
            within = self.within(branches)
            if self.refine_with != "dense":
                semantics, seen = instance, visual.instance_seen
        blend: Blend = self.across(within, geometry)
        unified = self.norm(blend.unified)
        if self.refine_with == "unified":
            semantics, seen = unified, torch.ones_like(visual.dense_seen)
        return Fused(unified, semantics, seen, blend.weights)
