"""The one list of what comes from outside: the fuzz script and the tests both read it."""

from tests.fuzz import (
    annotation_formats,
    capture_formats,
    frame_formats,
    image_formats,
    other_formats,
    parcel_format,
    scannet_formats,
)
from tests.fuzz.format import Format

FORMATS: tuple[Format, ...] = (
    *scannet_formats.FORMATS,
    *annotation_formats.FORMATS,
    *frame_formats.FORMATS,
    *image_formats.FORMATS,
    *capture_formats.FORMATS,
    *other_formats.FORMATS,
    *parcel_format.FORMATS,
)
