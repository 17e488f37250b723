"""What the prepared stages know of a scene: arrays only, so that the store can keep them.

Every class here is a value of one stage. Fields are numpy arrays, nothing else.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, UInt8


@dataclass(frozen=True)
class Superpoints:
    """The over-segmentation of a scene's vertices."""

    labels: Int[np.ndarray, " points"]
    """0..N_S-1, every number used."""


@dataclass(frozen=True)
class FrameMasks:
    """SAM's masks of all frames of a scene that passed the quality filter (Sec. III-C)."""

    frames: Int[np.ndarray, " frames"]
    """Indices of the frames looked at, ascending."""
    size: Int[np.ndarray, "2"]
    """Height and width of every mask, pixels of the colour image."""
    frame_of_mask: Int[np.ndarray, " masks"]
    """Position in `frames`, non-decreasing."""
    bits: UInt8[np.ndarray, "masks packed"]
    """`numpy.packbits` of each flattened binary mask."""
    predicted_iou: Float[np.ndarray, " masks"]
    stability: Float[np.ndarray, " masks"]


@dataclass(frozen=True)
class FrameTokens:
    """CLIP's spatial tokens F_spatial of all frames of a scene."""

    frames: Int[np.ndarray, " frames"]
    tokens: Float[np.ndarray, "frames rows columns width"]
    """The image covers the grid exactly: no crop (decision 8)."""


@dataclass(frozen=True)
class InstanceFeatures:
    """f_inst (Eq. 4), one row a mask of FrameMasks."""

    features: Float[np.ndarray, "masks width"]


@dataclass(frozen=True)
class LiftingOperator:
    """A sparse matrix in CSR form, superpoints x (frames . rows . columns): F_superpoint = A f.

    Rows of seen superpoints sum to one; rows of unseen ones are empty.
    """

    row_starts: Int[np.ndarray, " superpoints_plus_one"]
    columns: Int[np.ndarray, " entries"]
    weights: Float[np.ndarray, " entries"]
    shape: Int[np.ndarray, "2"]


@dataclass(frozen=True)
class SuperpointFeatures:
    """F_dense or F_inst on the superpoints."""

    features: Float[np.ndarray, "superpoints width"]
    seen: Bool[np.ndarray, " superpoints"]


@dataclass(frozen=True)
class TextFeatures:
    """Frozen RoBERTa's last hidden states of a scene's expressions, and their token maps."""

    features: Float[np.ndarray, "expressions tokens text_width"]
    ids: Int64[np.ndarray, "expressions tokens"]
    """Of the tokens, in RoBERTa's vocabulary."""
    valid: Bool[np.ndarray, "expressions tokens"]
    token_maps: Float[np.ndarray, "expressions 5 tokens"]
