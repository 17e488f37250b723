"""Instance masks of images: SAM's automatic mask generator and its quality filter (Sec. III-C)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import Sam
from segment_anything.utils.amg import MaskData, mask_to_rle_pytorch
from torch import Tensor

from hcfres.config.setting import MaskConfig
from hcfres.data.errors import DataError
from hcfres.data.features import FrameMasks
from hcfres.data.scene import Frame
from hcfres.semantics.stability import stability_and_boxes

POINTS_AT_ONCE = 32
"""Points prompted together, half of what the class has by default."""
_PIXELS_AT_ONCE = 1_600_000
"""Of the masks that a CPU enlarges together; a batch, 120 MB at 640 x 480, is no faster."""


def generate_masks(
    frames: Iterable[Frame],
    sam: Sam,
    config: MaskConfig,
    progress: Callable[[int], None] | None = None,
) -> FrameMasks:
    """SAM's masks of every frame's colour image that pass the filters; a frame may have none.

    Within a frame the masks are in descending order of predicted IoU, equal ones of stability.

    Args:
        frames: read once, one at a time; all colour images of one size.
        sam: frozen, in evaluation mode.
        progress: told the number of frames done after each of them.

    Raises:
        DataError: there is no frame, or two colour images differ in size.
    """
    generator = mask_generator(sam, config)
    indices: list[int] = []
    size: tuple[int, int] | None = None
    found: list[list[dict[str, Any]]] = []
    for done, frame in enumerate(frames, 1):
        indices.append(frame.index)
        size = _same_size(size, frame, indices)
        found.append(_masks_of(frame.colour, generator, config.min_area_px))
        if progress is not None:
            progress(done)
    if size is None:
        raise DataError("frames", "there is none to make masks of", "give the scan posed images")
    return _packed(indices, size, found)


def mask_generator(sam: Sam, config: MaskConfig) -> SamAutomaticMaskGenerator:
    """The automatic mask generator with the thresholds of `config`."""
    return EarlyFilterGenerator(
        sam,
        points_per_side=config.points_per_side,
        points_per_batch=POINTS_AT_ONCE,
        pred_iou_thresh=config.predicted_iou,
        stability_score_thresh=config.stability,
        box_nms_thresh=config.nms_iou,
    )


class EarlyFilterGenerator(SamAutomaticMaskGenerator):  # type: ignore[misc]
    """SAM's generator, giving the same masks with less work.

    Masks that fail the predicted-IoU filter are dropped before they are enlarged to the image,
    few at a time are enlarged on a CPU, and run lengths are counted of those alone that outlive
    the suppression. One crop only: the image.
    """

    def _process_batch(
        self,
        points: Float[np.ndarray, "prompts 2"],
        im_size: tuple[int, ...],
        crop_box: list[int],
        orig_size: tuple[int, ...],
    ) -> MaskData:
        low, scores = self._decode(points, im_size)
        keep = torch.ones_like(scores, dtype=torch.bool)
        if self.pred_iou_thresh > 0:
            keep = scores > self.pred_iou_thresh
        prompts = torch.as_tensor(points).repeat_interleave(low.shape[1], dim=0)
        low, scores, prompts = low[keep], scores[keep], prompts[keep.flatten().cpu()]
        at_once = max(1, len(low))
        if low.device.type == "cpu":
            at_once = max(1, _PIXELS_AT_ONCE // (orig_size[0] * orig_size[1]))
        data = MaskData()
        for first in range(0, max(1, len(low)), at_once):
            part = slice(first, first + at_once)
            found = MaskData(iou_preds=scores[part], points=prompts[part])
            data.cat(self._enlarged(low[part], found, orig_size))
        return data

    def _enlarged(
        self,
        low: Float[Tensor, "guesses rows columns"],
        data: MaskData,
        orig_size: tuple[int, ...],
    ) -> MaskData:
        """The guesses of `data` in the image's own pixels, without the unstable ones."""
        model = self.predictor.model
        logits = model.postprocess_masks(low[:, None], self.predictor.input_size, orig_size)[:, 0]
        data["stability_score"], data["boxes"] = stability_and_boxes(
            logits, model.mask_threshold, self.stability_score_offset
        )
        keep = data["stability_score"] >= self.stability_score_thresh
        if self.stability_score_thresh <= 0:
            keep = torch.ones_like(keep)
        data.filter(keep)
        masks = (logits > model.mask_threshold)[keep]
        data["rles"] = [_RunLengths(mask) for mask in masks.cpu().numpy()]
        return data

    def _decode(
        self, points: Float[np.ndarray, "prompts 2"], im_size: tuple[int, ...]
    ) -> tuple[Float[Tensor, "prompts guesses rows columns"], Float[Tensor, "prompts guesses"]]:
        """Logits at the decoder's own resolution, and predicted IoUs, of each prompt's guesses."""
        device = self.predictor.device
        placed = self.predictor.transform.apply_coords(points, im_size)
        prompts = torch.as_tensor(placed, device=device)[:, None, :]
        labels = torch.ones(len(prompts), 1, dtype=torch.int, device=device)
        model = self.predictor.model
        sparse, dense = model.prompt_encoder(points=(prompts, labels), boxes=None, masks=None)
        decoded: tuple[Tensor, Tensor] = model.mask_decoder(
            image_embeddings=self.predictor.features,
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return decoded


class _RunLengths(dict[str, Any]):
    """A mask's run lengths, counted when they are first asked for.

    It is never changed, so a copy of a batch may share it.
    """

    def __init__(self, mask: Bool[np.ndarray, "height width"]) -> None:
        super().__init__()
        self._bits, self._shape = pack(mask), mask.shape

    def __missing__(self, key: str) -> Any:
        flat = np.unpackbits(self._bits, count=self._shape[0] * self._shape[1])
        mask = torch.from_numpy(flat.astype(bool)).reshape(1, *self._shape)
        self.update(mask_to_rle_pytorch(mask)[0])
        return self.get(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> "_RunLengths":
        return self


def _same_size(size: tuple[int, int] | None, frame: Frame, seen: list[int]) -> tuple[int, int]:
    height, width = frame.colour.shape[:2]
    if size not in (None, (height, width)):
        raise DataError(
            f"frame {frame.index}",
            f"its colour image is {height} x {width}, that of frame {seen[0]} is {size}",
            "give all frames of a scene one size",
        )
    return height, width


def _masks_of(
    colour: UInt8[np.ndarray, "height width 3"],
    generator: SamAutomaticMaskGenerator,
    min_area_px: int,
) -> list[dict[str, Any]]:
    """The generator's records of one image, small masks left out, best first."""
    records = [one for one in generator.generate(colour) if one["area"] >= min_area_px]
    return sorted(
        records,
        key=lambda one: (
            -one["predicted_iou"],
            -one["stability_score"],
            -one["area"],
            one["point_coords"],
        ),
    )


def _packed(
    indices: list[int], size: tuple[int, int], found: list[list[dict[str, Any]]]
) -> FrameMasks:
    records = [record for of_frame in found for record in of_frame]
    counts = [len(of_frame) for of_frame in found]
    bits = [pack(record["segmentation"]) for record in records]
    return FrameMasks(
        frames=np.array(indices, dtype=np.int64),
        size=np.array(size, dtype=np.int64),
        frame_of_mask=np.repeat(np.arange(len(found), dtype=np.int64), counts),
        bits=np.stack(bits) if bits else np.zeros((0, -(-size[0] * size[1] // 8)), np.uint8),
        predicted_iou=np.array([record["predicted_iou"] for record in records], np.float32),
        stability=np.array([record["stability_score"] for record in records], np.float32),
    )


def pack(mask: Bool[np.ndarray, "height width"]) -> UInt8[np.ndarray, " packed"]:
    """A binary mask as FrameMasks keeps it: eight pixels a byte, row by row."""
    return np.packbits(np.ascontiguousarray(mask).reshape(-1))
