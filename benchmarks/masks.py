"""Our mask generator against SAM's own, the same network and the same images, in one run.

    OMP_NUM_THREADS=1 python benchmarks/masks.py [--rooms 2] [--frames 10]

One thread, the tiny SAM with the thresholds of the setting `rooms`. Each image is given to the one
and then to the other; both have to find the same masks. SAM's own is timed with its own number of
points at once and with ours.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from segment_anything import SamAutomaticMaskGenerator

from hcfres.config.loading import load
from hcfres.config.setting import MaskConfig, SettingConfig
from hcfres.data.rooms.build import make_room_files
from hcfres.data.rooms.seeds import EXAMINE
from hcfres.semantics.masks import POINTS_AT_ONCE, mask_generator
from hcfres.semantics.sam import load_sam

SETTING = Path(__file__).parents[1] / "experiments" / "settings" / "rooms.toml"


def main() -> None:
    """Time the three, check that they agree, and print the ratios."""
    options = arguments()
    torch.set_num_threads(1)
    setting = load(SETTING, SettingConfig)
    sam = load_sam(setting.sam, Path())
    ours = mask_generator(sam, setting.masks)
    others = [stock(sam, setting.masks, points) for points in (64, POINTS_AT_ONCE)]
    seconds, masks, images = np.zeros(3), 0, 0
    for number, image in enumerate(images_of(EXAMINE[: options.rooms], options.frames)):
        if not number:
            ours.generate(image)  # compiles
        spent, found = zip(*(timed(one, image) for one in (*others, ours)), strict=True)
        if not same(found[0], found[2]) or not same(found[1], found[2]):
            raise SystemExit(f"image {number}: other masks than SAM's own generator")
        seconds, masks, images = seconds + spent, masks + len(found[2]), images + 1
    own, own_ours, fast = seconds / images
    lines = [
        f"{images} images, {masks} masks, the same from all three",
        f"SAM's own, 64 points at once  {own:6.3f} s an image, {own / fast:.2f} of ours",
        f"SAM's own, {POINTS_AT_ONCE} points at once  {own_ours:6.3f} s an image, "
        f"{own_ours / fast:.2f} of ours",
        f"ours                          {fast:6.3f} s an image",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--frames", type=int, default=10, help="of a room")
    return parser.parse_args()


def stock(sam: Any, config: MaskConfig, points_at_once: int) -> SamAutomaticMaskGenerator:
    """SAM's own generator under our thresholds."""
    return SamAutomaticMaskGenerator(
        sam,
        points_per_side=config.points_per_side,
        points_per_batch=points_at_once,
        pred_iou_thresh=config.predicted_iou,
        stability_score_thresh=config.stability,
        box_nms_thresh=config.nms_iou,
    )


def images_of(seeds: Sequence[int], frames: int) -> Iterator[np.ndarray]:
    """The colour images of rooms made for this run."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            make_room_files(seed, Path(folder), frames)
        for path in sorted(Path(folder).rglob("*.jpg")):
            yield np.asarray(Image.open(path).convert("RGB"))


def timed(generator: Any, image: np.ndarray) -> tuple[float, list[dict[str, Any]]]:
    """Seconds for an image, and its masks."""
    began = time.perf_counter()
    found = generator.generate(image)
    return time.perf_counter() - began, found


def same(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> bool:
    """Whether two generators found the same masks with the same scores, in the same order."""
    return len(some) == len(others) and all(
        np.array_equal(one["segmentation"], other["segmentation"])
        and all(one[key] == other[key] for key in one if key != "segmentation")
        for one, other in zip(some, others, strict=True)
    )


if __name__ == "__main__":
    main()
