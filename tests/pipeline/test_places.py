"""Which frames of a scan are looked at."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.scene import Frame
from hcfres.pipeline.places import Place
from tests.pipeline.toys import ToySource


@dataclass
class Striped(ToySource):
    """Frames whose sharpness is known: grey, and stripes of so many grey values."""

    contrasts: tuple[int, ...] = (0, 1, 3)

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        return tuple(range(len(self.contrasts)))[::every]

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        """Every other column is brighter; the Laplacian is twice the contrast, up and down."""
        colour = np.zeros((6, 6, 3), np.uint8)
        colour[:, ::2] = self.contrasts[index]
        return Frame(index, colour, np.ones((2, 2), np.float32), np.eye(3), np.eye(4))


PLACE = Place(Striped(), "scene0000_00", 1)


def _looked_at(place: Place) -> list[int]:
    return [frame.index for frame in place.frames()]


def test_every_frame_is_looked_at_unless_a_sharpness_is_asked_for() -> None:
    """By hand: stripes of 1 have Laplacians of 2 and -2, so a variance of 4; stripes of 3, 36."""
    assert _looked_at(PLACE) == [0, 1, 2]
    assert _looked_at(replace(PLACE, every=2)) == [0, 2]
    assert _looked_at(replace(PLACE, least_sharpness=3.9)) == [1, 2]
    assert _looked_at(replace(PLACE, least_sharpness=35.9)) == [2]


def test_a_filter_that_leaves_no_frame_is_refused() -> None:
    with pytest.raises(DataError) as error:
        _looked_at(replace(PLACE, least_sharpness=50.0))
    assert str(error.value) == (
        "scene0000_00: the sharpest of 3 frames has 36. "
        "Lower semantics.least_sharpness of the method; 0 looks at all frames"
    )


def test_a_scan_without_a_usable_frame_is_refused() -> None:
    """Decision 122: it is not taken for a scan of which nothing was seen."""
    with pytest.raises(DataError) as error:
        _looked_at(replace(PLACE, source=Striped(contrasts=())))
    assert str(error.value) == (
        "scene0000_00: it has frames, but none with a usable pose, and the method looks at images. "
        "Use a method without images (mdin), or leave the scan out of the lists of scans"
    )
