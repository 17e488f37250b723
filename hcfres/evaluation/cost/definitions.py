"""What is timed, in words: a latency without its definition compares with nothing."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Definition:
    """From where to where a clock runs."""

    name: str
    sentence: str


NEW_SCAN = Definition(
    "new scan to first answer",
    "from a scan, its frames and one sentence, nothing of which was seen before, to the vertices "
    "that the sentence means: superpoints, SAM, CLIP and lifting, then all of a warm scene",
)
WARM_SCENE = Definition(
    "warm scene to answer",
    "from a scan whose superpoints and 2D features are in the device's memory, and one sentence "
    "as text, to the vertices that the sentence means: voxelisation, U-Net, fusion, RoBERTa, "
    "selection, decoder, mask; SAM and CLIP are not in it",
)
NEXT_EXPRESSION = Definition(
    "k-th expression of a scene",
    "from a scene that was encoded for an earlier sentence, and one more sentence as text, to the "
    "vertices that it means: RoBERTa, selection, decoder, mask",
)
DEFINITIONS = (NEW_SCAN, WARM_SCENE, NEXT_EXPRESSION)

COLD = (
    "the first pass of a process in whose memory network, text encoder and scene lie, with all "
    "that libraries put off until then and the choice of a backend for sparse convolutions"
)
WARM = "the passes after it"


class Part(StrEnum):
    """The parts of a pass in their order; the next begins where one ends."""

    VOXELISATION = "voxelisation"
    UNET = "U-Net"
    FUSION = "fusion"
    TEXT = "text"
    SELECTION = "selection"
    DECODER = "decoder"
    MASK = "mask"


PARTS = {
    Part.VOXELISATION: "points to voxels with the mean feature of each",
    Part.UNET: "pairs of neighbouring voxels, convolutions, and back to the points",
    Part.FUSION: "superpoint pooling, adapter (Eq. 1), fusion (Eq. 5, Eq. 6), seeds",
    Part.TEXT: "parsing, tokens, RoBERTa, and their way onto the device",
    Part.SELECTION: "text adapter, language-guided selection, refinement",
    Part.DECODER: "the layers of the decoder with the heads behind each",
    Part.MASK: "union of the queries that fired, to vertices, onto the host",
}
"""What each part is."""
OF_SCENE = (Part.VOXELISATION, Part.UNET, Part.FUSION)
"""What a scene costs before the first sentence; the others are an expression's."""
