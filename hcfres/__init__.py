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
    expressions   sentences of a batch, the scenes' one after the other

Frames of reference: world = the scan's own (metres, +z up, not axis-aligned, not centred);
camera = OpenCV's (x right, y down, z forward).
"""

__version__ = "0.1.0"
