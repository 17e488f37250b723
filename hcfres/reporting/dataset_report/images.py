"""Pictures as PNG bytes: the same picture always gives the same bytes."""

import base64
import io

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

_DPI = 100
_COLOURS = 256


def figure_png(figure: Figure) -> bytes:
    """Draw a figure without a display, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    return _encoded(Image.open(buffer).convert("RGB"))


def image_png(image: UInt8[np.ndarray, "height width 3"], width: int | None = None) -> bytes:
    """Encode an image in 256 colours; one wider than `width` is made as wide."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    if width is not None and picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return _encoded(picture)


def data_uri(png: bytes) -> str:
    """A PNG as an address that a page can hold in itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.quantize(_COLOURS).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
