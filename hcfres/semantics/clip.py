"""CLIP, the frozen network whose spatial tokens describe the images (F_spatial of Sec. III-C).

Every preset is open_clip's own `CLIP` class. Images are never cropped: the whole frame is resized
to the preset's size and the positional embedding is interpolated to its token grid (decision 8).
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int, UInt8
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig
from hcfres.data.features import FrameTokens
from hcfres.data.scene import Frame
from hcfres.semantics.weights import SHIPPED, fill, random_seed, weights_path

LARGE = "ViT-L-14-336-quickgelu"
PRESETS = ("tiny", LARGE)
IMAGE_SIZES = {"tiny": (240, 320), LARGE: (336, 448)}
"""Height and width of the resized frame, pixels: 15 x 20 and 24 x 32 tokens."""

VOCABULARY = SHIPPED / "clip_tiny" / "bpe.txt.gz"
"""The merges of the tiny CLIP's byte-pair tokenizer."""
_TINY_CONTEXT = 16
_BATCH = 8


def load_clip(config: EncoderConfig, weights_root: Path, square: bool = False) -> CLIP:
    """Build the preset with its weights, fitted to the frames' shape; frozen, in evaluation mode.

    Args:
        square: fit it to squares, as CLIP was trained: what the public IPDN code cuts out of the
            frames, or whole frames squeezed (decision 8).

    Raises:
        ConfigError: no such preset, or the file of weights is not there.
        DataError: the file is damaged or holds another network's weights.
    """
    if config.model not in PRESETS:
        raise ConfigError(f"CLIP model {config.model!r} is none of {', '.join(PRESETS)}")
    path = weights_path(config.weights, weights_root)
    clip = build_clip(config.model, random_seed(config.weights) if path is None else 0)
    if path is not None:
        fill(clip, path, f"CLIP {config.model!r}")
    height, width = IMAGE_SIZES[config.model]
    fit_image_size(clip, height, height if square else width)
    return clip.eval().requires_grad_(False)


def build_clip(model: str, seed: int) -> CLIP:
    """Build an untrained CLIP at its native image size, the same one for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model == "tiny":
            return _tiny()
        return CLIP(**open_clip.get_model_config(model))


def _tiny() -> CLIP:
    vision = CLIPVisionCfg(
        layers=4,
        width=128,
        head_width=32,
        mlp_ratio=3.0,
        patch_size=16,
        image_size=IMAGE_SIZES["tiny"],  # type: ignore[arg-type]
        pool_type="avg",
    )
    text = CLIPTextCfg(
        context_length=_TINY_CONTEXT,
        vocab_size=load_tokenizer("tiny").vocab_size,
        width=96,
        heads=3,
        layers=2,
    )
    return CLIP(embed_dim=128, vision_cfg=vision, text_cfg=text)


def load_tokenizer(model: str) -> SimpleTokenizer:
    """Give the preset's own tokenizer."""
    if model == "tiny":
        return SimpleTokenizer(str(VOCABULARY), context_length=_TINY_CONTEXT)
    return open_clip.get_tokenizer(model)


def fit_image_size(clip: CLIP, height: int, width: int) -> None:
    """Let the image tower take images of another size, interpolating its positional embedding.

    Raises:
        ValueError: the size is no multiple of the patch size.
    """
    visual = clip.visual
    patch_height, patch_width = visual.patch_size
    if height % patch_height or width % patch_width:
        raise ValueError(f"image {height}x{width} is no multiple of the patch {visual.patch_size}")
    grid = (height // patch_height, width // patch_width)
    if grid != visual.grid_size:
        embedding = resize_positions(visual.positional_embedding.data, visual.grid_size, grid)
        visual.positional_embedding = nn.Parameter(embedding, requires_grad=False)
    visual.grid_size, visual.image_size = grid, (height, width)


def resize_positions(
    embedding: Float[Tensor, "prefixed_tokens width"],
    old: tuple[int, int],
    new: tuple[int, int],
) -> Float[Tensor, "prefixed_new_tokens width"]:
    """Interpolate a positional embedding (class token first) from one token grid to another."""
    grid = embedding[1:].T.reshape(1, -1, *old)
    grid = F.interpolate(grid, new, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([embedding[:1], grid.flatten(2)[0].T])


def encode_frames(
    frames: Iterable[Frame], clip: CLIP, layer: int = -1, centre_crop: bool = False
) -> FrameTokens:
    """Encode every frame's colour image into CLIP's spatial tokens, in half precision.

    Args:
        layer: the block whose tokens are taken, counted as a list index is; after the last
            layer norm, not projected (decision 7).
        centre_crop: cut frames to the shape of the image tower, a square if it was loaded so, as
            the public IPDN code does; the grid then claims to cover the whole image (legacy
            "centre_crop").
    """
    frames = iter(frames)
    indices: list[int] = []
    tokens: list[Float[np.ndarray, "batch rows columns width"]] = []
    while group := list(islice(frames, _BATCH)):
        indices += [frame.index for frame in group]
        images = prepare_images([frame.colour for frame in group], clip, centre_crop)
        tokens.append(spatial_tokens(clip, images, layer).half().cpu().numpy())
    if not tokens:
        empty = (0, *clip.visual.grid_size, clip.visual.transformer.width)
        tokens.append(np.zeros(empty, np.float16))
    return FrameTokens(np.array(indices, np.int64), np.concatenate(tokens))


def prepare_images(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]], clip: CLIP, centre_crop: bool = False
) -> Float[Tensor, "batch 3 image_height image_width"]:
    """Resize to the image tower's size and normalise the colours as CLIP was trained on them."""
    height, width = clip.visual.image_size
    if centre_crop:
        images = [_cut_centre(image, height / width) for image in images]
    resized = [_resize(image, height, width) for image in images]
    device = clip.visual.conv1.weight.device
    mean = torch.tensor(OPENAI_DATASET_MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(OPENAI_DATASET_STD, device=device).view(3, 1, 1)
    return (torch.stack(resized).to(device) / 255 - mean) / std


def _cut_centre(
    image: UInt8[np.ndarray, "height width 3"], aspect: float
) -> UInt8[np.ndarray, "cut_height cut_width 3"]:
    height, width = image.shape[:2]
    cut_height = min(height, round(width * aspect))
    cut_width = min(width, round(height / aspect))
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return image[top : top + cut_height, left : left + cut_width]


def _resize(
    image: UInt8[np.ndarray, "height width 3"], height: int, width: int
) -> Float[Tensor, "3 image_height image_width"]:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    if pixels.shape[-2:] == (height, width):
        return pixels[0]
    size = (height, width)
    resized = F.interpolate(pixels, size, mode="bicubic", align_corners=False, antialias=True)
    return resized[0].clamp(0, 255)


@torch.inference_mode()
def spatial_tokens(
    clip: CLIP, images: Float[Tensor, "batch 3 image_height image_width"], layer: int = -1
) -> Float[Tensor, "batch rows columns width"]:
    """Run the image tower and keep the patch tokens of one block, without the class token.

    Raises:
        ValueError: the tower has no such block.
    """
    blocks = clip.visual.transformer.layers
    if not -blocks <= layer < blocks:
        raise ValueError(f"layer {layer}: the image tower has {blocks} blocks")
    found = clip.visual.forward_intermediates(
        images, indices=[layer % blocks], normalize_intermediates=True, intermediates_only=True
    )
    return found["image_intermediates"][0].permute(0, 2, 3, 1)


@torch.inference_mode()
def projected(
    clip: CLIP, features: Float32[np.ndarray, "masks width"]
) -> Float32[np.ndarray, "masks shared"]:
    """Features pooled from tokens, in the space CLIP shares between images and text.

    The projection is linear, so pooling before or after it is the same (decision 17).
    """
    matrix: Float[Tensor, "width shared"] = clip.visual.proj
    found: np.ndarray = (torch.from_numpy(features).to(matrix) @ matrix).float().cpu().numpy()
    return found


@torch.inference_mode()
def encode_captions(
    clip: CLIP, tokenizer: SimpleTokenizer, captions: Sequence[str]
) -> Float[Tensor, "captions shared"]:
    """Encode sentences into the space CLIP shares between images and text, length one each."""
    token_ids: Int[Tensor, "captions context"] = tokenizer(list(captions))
    return clip.encode_text(token_ids, normalize=True)
