"""Many expressions, few scenes: a scene's features are projected once and never copied."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from hcfres.model.attention import MultiHeadAttention


@dataclass(frozen=True)
class Sharing:
    """Which scene each expression is about."""

    scene_of_expression: Int[Tensor, " expressions"]
    per_scene: int | None
    """Expressions of each scene when all have equally many, in order; else None."""

    @classmethod
    def among(cls, scene_of_expression: Int[Tensor, " expressions"], scenes: int) -> "Sharing":
        """The sharing of `scenes` scenes."""
        each = len(scene_of_expression) // scenes
        in_order = torch.arange(scenes, device=scene_of_expression.device)
        equal = torch.equal(scene_of_expression, in_order.repeat_interleave(each))
        return cls(scene_of_expression, each if each and equal else None)

    def multiply(
        self,
        rows: Float[Tensor, "expressions rows dim"],
        table: Float[Tensor, "scenes source dim"],
    ) -> Float[Tensor, "expressions rows source"]:
        """Products of each expression's rows with the table of its scene."""
        if self.per_scene is None:
            return rows @ table[self.scene_of_expression].transpose(1, 2)
        products = self.together(rows) @ table.transpose(1, 2)
        return products.reshape(*rows.shape[:2], table.shape[1])

    def together(
        self, rows: Shaped[Tensor, "expressions rows width"]
    ) -> Shaped[Tensor, "scenes all_rows width"]:
        """The rows of all expressions of a scene, one after the other."""
        return rows.reshape(-1, (self.per_scene or 1) * rows.shape[1], rows.shape[2])


@dataclass(frozen=True)
class SharedScenes:
    """Features of scenes that expressions look at."""

    features: Float[Tensor, "scenes source dim"]
    hidden: Bool[Tensor, "scenes source"]
    """What nobody may look at: padding, and what was not seen. Not everything of a scene."""
    sharing: Sharing

    def attend(
        self,
        attn: MultiHeadAttention,
        rows: Float[Tensor, "expressions rows dim"],
        blocked: Bool[Tensor, "expressions rows source"] | None = None,
    ) -> Float[Tensor, "expressions rows dim"]:
        """What each expression's rows gather from its scene.

        Args:
            blocked: what each row must not look at, `hidden` included.
        """
        memory = attn.remember(self.features)
        if self.sharing.per_scene is None:
            scene = self.sharing.scene_of_expression
            mask = self.hidden[scene][:, None] if blocked is None else blocked
            return attn(rows, memory.rows(scene), mask)
        mask = self.hidden[:, None] if blocked is None else self.sharing.together(blocked)
        return attn(self.sharing.together(rows), memory, mask).reshape(rows.shape)
