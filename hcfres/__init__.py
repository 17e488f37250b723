"""HCF-RES and its ancestors: from an RGB-D scan and a sentence to the objects the sentence means.

Axis names used in every shape, with the paper's symbols:

    points        N_p   vertices of a scan (or of the scans of a batch, one after the other)
    superpoints   N_S   groups of neighbouring vertices
    tokens        N_T   word pieces of a sentence
    frames        N_I   posed images of a scene
    seeds         N_seeds  superpoints chosen by farthest point sampling
    queries       m     seeds chosen by the language
    height width  H, W  of an image;  rows columns: of CLIP's token grid
    channels      C     of the point features;  width: of an encoder's features
    dim           D     of the shared space
    gate                weights of a modality at a superpoint (Eq. 6): 1, or one a channel
    expressions   sentences of a batch, the scenes' one after the other

Frames of reference: world = the scan's own (metres, +z up, not axis-aligned, not centred);
camera = OpenCV's (x right, y down, z forward).

In a notebook:

    scene = hcfres.open_scene("workspace/data/rooms")
    method = hcfres.load_method("workspace/cells/0123456789abcdef")
    answers = method.predict(scene, ["the white chair", "all the pillows"])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hcfres.data.own_scan import ScanFiles, ScanFolder
    from hcfres.evaluation.answer_files import write_answers
    from hcfres.evaluation.open_scene import open_scene
    from hcfres.evaluation.predict import load_method
    from hcfres.reporting.pictures import sentence_picture

__version__ = "0.1.0"

__all__ = [
    "ScanFiles",
    "ScanFolder",
    "load_method",
    "open_scene",
    "sentence_picture",
    "write_answers",
]

_HOMES = {
    "ScanFiles": "hcfres.data.own_scan",
    "ScanFolder": "hcfres.data.own_scan",
    "load_method": "hcfres.evaluation.predict",
    "open_scene": "hcfres.evaluation.open_scene",
    "sentence_picture": "hcfres.reporting.pictures",
    "write_answers": "hcfres.evaluation.answer_files",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import hcfres` alone loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
