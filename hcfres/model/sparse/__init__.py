"""Sparse convolution on any device: layers and voxels here, the arithmetic by spconv or torch."""
