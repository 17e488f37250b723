"""Cameras (Eq. 2), superpoints, neighbours and sampling: pure functions, no learning."""
