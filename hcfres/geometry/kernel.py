"""How the compiled loops of the project are compiled."""

import numba

kernel = numba.njit(cache=True, error_model="numpy", nogil=True)
"""Decorator of a compiled loop: kept on disk, division by zero gives inf or NaN as in numpy.

Kernels are private, unannotated, and marked `typing.no_type_check` (the tests' shape checks would
otherwise wrap what numba has to compile); the public function around each carries the shapes.
"""
