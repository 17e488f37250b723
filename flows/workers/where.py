"""The answers to `--on`."""

from typing import Literal

Where = Literal["local", "ray", "slurm"]
"""On the devices of this machine, of a Ray cluster that is there, or in jobs of Slurm."""
