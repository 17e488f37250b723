"""Into the shared space: superpoint features (Eq. 1) and text tokens (Sec. III-B)."""

from jaxtyping import Float
from torch import Tensor, nn


class Adapter(nn.Module):
    """V_3d = Adapter(F_3d) (Eq. 1): a linear map, LayerNorm, ReLU."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, dim), nn.LayerNorm(dim), nn.ReLU())

    def forward(
        self, geometry: Float[Tensor, "superpoints channels"]
    ) -> Float[Tensor, "superpoints dim"]:
        """V_3d, at least 0 everywhere."""
        return self.layers(geometry)


class TextAdapter(nn.Module):
    """T: the frozen encoder's token features in the shared space; a linear map, then LayerNorm."""

    def __init__(self, text_width: int, dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(text_width, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens: Float[Tensor, "expressions tokens text_width"]
    ) -> Float[Tensor, "expressions tokens dim"]:
        """T, padded tokens included."""
        return self.norm(self.projection(tokens))
