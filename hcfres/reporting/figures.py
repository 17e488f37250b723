"""Figures as files: small enough for a README, drawn without a display."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from hcfres.store.files import write_atomic

LARGEST_BYTES = 1_000_000
_DPI = 110
_COLOURS = 256
_STEP = 0.85


def save_png(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG of at most LARGEST_BYTES, in 256 colours.

    A picture that is still too large is made smaller, not blurrier: by steps of its width.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    drawn = Image.open(buffer).convert("RGB")
    written = _png(drawn)
    while len(written) > LARGEST_BYTES:
        size = (round(drawn.width * _STEP), round(drawn.height * _STEP))
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
        written = _png(drawn)
    write_atomic(path, written)
    return path


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.quantize(_COLOURS).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
