"""Images of a Record3D recording: JPEG, and depth as compressed 32-bit floats in metres."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from hcfres.data.captures.lzfse import expand
from hcfres.data.captures.members import Members
from hcfres.data.errors import DataError
from hcfres.data.frame_images import BROKEN_IMAGE, MOST_PIXELS
from hcfres.data.image_doubts import image_doubt
from hcfres.data.registration import Registered

_AGAIN = "Export the recording again"


@dataclass(frozen=True)
class PhoneImages:
    """Images by frame number, in a folder or an archive."""

    members: Members
    colours: dict[int, str]
    depths: dict[int, str]
    depth_shape: tuple[int, int]
    """Height and width."""
    unit_m: float = 1.0

    def indices(self) -> tuple[int, ...]:
        """Numbers of the frames with both images, ascending."""
        return tuple(sorted(set(self.colours) & set(self.depths)))

    def lonely(self) -> int:
        """How many frames lack an image."""
        return len(set(self.colours) ^ set(self.depths))

    def view(self, index: int, size: tuple[int, int] | None = None) -> Registered:
        """The colour image, resampled to `size` (height, width) if given."""
        name = self.colours[index]
        content = self.members.read(name)
        try:
            opened = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
            if opened.size[0] * opened.size[1] > MOST_PIXELS:
                raise ValueError(f"{opened.size[0]}x{opened.size[1]} pixels are too many")
            if doubt := image_doubt(opened, content):
                raise ValueError(doubt)
            image = opened.convert("RGB")
        except BROKEN_IMAGE as error:
            place = self.members.place(name)
            raise DataError(place, f"the image is broken ({error})", _AGAIN) from None
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
        return Registered(np.asarray(image), None)

    def depth(self, index: int) -> Float[np.ndarray, "height width"]:
        """Read a depth image in metres; 0 where nothing was seen."""
        name = self.depths[index]
        content = self.members.read(name)
        height, width = self.depth_shape
        place, wanted = self.members.place(name), height * width * 4
        payload = content if len(content) == wanted else expand(place, content, wanted)
        depth = np.frombuffer(payload, "<f4").reshape(height, width)
        metres = depth.astype(np.float32) * np.float32(self.unit_m)
        return np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(0))

    def place(self, index: int) -> str:
        """Where a frame's depth lies, for errors."""
        return self.members.place(self.depths[index])

    def content(self, index: int) -> Iterator[bytes]:
        """The stored bytes of a frame's images."""
        yield self.members.read(self.colours[index])
        yield self.members.read(self.depths[index])
