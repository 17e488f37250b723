"""What makes each stage's value: one call into the part that does the work."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from open_clip.model import CLIP
from segment_anything.modeling import Sam

from hcfres.config.method import Legacy, SemanticsConfig
from hcfres.config.setting import (
    EncoderConfig,
    LiftingConfig,
    MaskConfig,
    SuperpointConfig,
    TextConfig,
)
from hcfres.data.errors import DataError
from hcfres.data.features import (
    FrameMasks,
    FrameTokens,
    InstanceFeatures,
    LiftingOperator,
    SuperpointFeatures,
    Superpoints,
    TextFeatures,
)
from hcfres.geometry.superpoints import compact, segment_mesh, segment_points
from hcfres.language.roberta import TextEncoder, encode, load_text
from hcfres.pipeline.places import Machine, Place
from hcfres.pipeline.slices import TokenView
from hcfres.semantics import clip, lifting, masks, pooling, sam


def make_superpoints(place: Place, config: SuperpointConfig) -> Superpoints:
    """The over-segmentation: of the mesh, of a cloud without faces, or the one shipped.

    Raises:
        DataError: the shipped one is asked for and there is none.
    """
    scene = place.scene()
    if config.source == "segs":
        if scene.segments is None:
            raise DataError(
                scene.scene_id,
                "no over-segmentation (segs.json) was shipped with this scan",
                'Set superpoints.source = "mesh" in the setting',
            )
        return Superpoints(compact(scene.segments))
    vertices = scene.vertices
    if len(scene.faces):
        return Superpoints(
            segment_mesh(vertices, scene.faces, config.k_threshold, config.min_vertices)
        )
    return Superpoints(segment_points(vertices, config.k_threshold, config.min_vertices))


def make_masks(
    place: Place,
    encoder: EncoderConfig,
    config: MaskConfig,
    machine: Machine,
    progress: Callable[[int], None],
) -> FrameMasks:
    """SAM's masks of the frames; `progress` is told the number of frames done."""
    return masks.generate_masks(place.frames(), _sam(encoder, machine), config, progress)


def make_tokens(
    place: Place, encoder: EncoderConfig, view: TokenView, machine: Machine
) -> FrameTokens:
    """CLIP's spatial tokens of the frames."""
    network = _clip(encoder, machine, view.square)
    return clip.encode_frames(place.frames(), network, view.layer, view.centre_crop)


def make_instances(
    found: FrameMasks,
    tokens: FrameTokens,
    config: SemanticsConfig,
    encoder: EncoderConfig,
    machine: Machine,
) -> InstanceFeatures:
    """f_inst of every mask (Eq. 3, Eq. 4), in the space that the method asks for."""
    pooled = pooling.pool_instances(found, tokens, config)
    if config.instance_space == "tokens":
        return pooled
    network = _clip(encoder, machine, config.grid == "square")
    return InstanceFeatures(clip.projected(network, pooled.features))


def make_dense_operator(
    place: Place,
    superpoints: Superpoints,
    grid: tuple[int, int],
    config: LiftingConfig,
    legacy: tuple[Legacy, ...],
) -> LiftingOperator:
    """A for tokens (Eq. 2 and the spherical query)."""
    vertices = place.scene().vertices
    return lifting.dense_operator(
        place.frames(), vertices, superpoints, grid, config, legacy=legacy
    )


def make_instance_operator(
    place: Place,
    superpoints: Superpoints,
    found: FrameMasks,
    overlap: lifting.Overlap,
    config: LiftingConfig,
    *,
    legacy: tuple[Legacy, ...],
) -> LiftingOperator:
    """A for instance features."""
    vertices = place.scene().vertices
    return lifting.instance_operator(
        place.frames(),
        vertices,
        superpoints,
        found,
        config,
        overlap=overlap,
        legacy=legacy,
    )


def make_dense(operator: LiftingOperator, tokens: FrameTokens) -> SuperpointFeatures:
    """F_dense on the superpoints."""
    return lifting.apply(operator, tokens.tokens.reshape(-1, tokens.tokens.shape[-1]))


def make_instance(operator: LiftingOperator, instances: InstanceFeatures) -> SuperpointFeatures:
    """F_inst on the superpoints."""
    return lifting.apply(operator, instances.features)


def make_text(descriptions: Sequence[str], text: TextConfig, machine: Machine) -> TextFeatures:
    """Frozen RoBERTa's tokens of some sentences, and their token maps."""
    return encode(descriptions, _text(text, machine))


@lru_cache(maxsize=1)
def _sam(config: EncoderConfig, machine: Machine) -> Sam:
    return sam.load_sam(config, machine.weights).to(machine.device)


@lru_cache(maxsize=1)
def _clip(config: EncoderConfig, machine: Machine, square: bool) -> CLIP:
    return clip.load_clip(config, machine.weights, square).to(machine.device)


@lru_cache(maxsize=1)
def _text(config: TextConfig, machine: Machine) -> TextEncoder:
    encoder = load_text(config, machine.weights)
    encoder.network.to(machine.device)  # type: ignore[arg-type]
    return encoder
