"""Does a backend compute on a device what plain torch computes there? Asked before it is trusted.

    python -m hcfres.model.sparse.check DEVICE

A library built for another CUDA than torch's may end the process, so on a GPU the question is put
to a child process; elsewhere it takes a tenth of a second in the same one.
"""

import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hcfres.model.sparse.known import KnownSites
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Backend, Sites

LARGEST_DIFFERENCE = 1e-4
"""Relative to the largest value; float32 sums of a few hundred products differ by about 1e-6."""
_CHILD_TIMEOUT_S = 120
_ROOT = Path(__file__).resolve().parents[3]
_EXTENT, _CHANNELS, _SCENES = 17, 8, 2
"""Odd, so that a slab is dropped."""


@dataclass(frozen=True)
class Verdict:
    """What became of a check."""

    difference: float | None
    """Largest difference of any output or gradient, relative to the largest value; None if the
    backend could not be run."""
    seconds: float
    complaint: str
    """Why the backend is not to be used; empty if it is right."""


def examine_spconv(device: torch.device) -> Verdict:
    """Check spconv on a device, in a child process where it could end this one."""
    return _in_child(device) if device.type == "cuda" else _here(device)


def compare(backend: Backend, device: torch.device) -> float:
    """The largest relative difference of a backend from plain torch on a few random voxels.

    A submanifold, a strided and an inverse convolution of a grid of odd size, and all gradients,
    in float32; once with pairs that are looked up and once with pairs joined of each scene's.
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        expected = _results(PLAIN, device)
        found = [_results(backend, device, joined) for joined in (False, True)]
    apart = [
        (ours - theirs).abs().max() / theirs.abs().max()
        for results in found
        for ours, theirs in zip(results, expected, strict=True)
    ]
    return float(torch.stack(apart).max())  # NaN if any is


def _here(device: torch.device) -> Verdict:
    start = time.perf_counter()
    try:
        from hcfres.model.sparse.spconv_backend import SPCONV  # noqa: PLC0415

        start = time.perf_counter()  # importing the library takes seconds
        said = io.StringIO()  # spconv prints what went wrong before it raises
        with redirect_stdout(said), redirect_stderr(said):
            difference = compare(SPCONV, device)
    except Exception as error:  # whatever a library that does not fit this machine may raise
        return Verdict(None, time.perf_counter() - start, _told(error))
    return Verdict(difference, time.perf_counter() - start, _complaint(difference))


def _complaint(difference: float) -> str:
    if difference <= LARGEST_DIFFERENCE:  # also false for NaN
        return ""
    return f"spconv differs from plain torch by {difference:.0e} of the largest value"


def _told(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("spconv"):
        return "spconv is not installed"
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"spconv fails: {type(error).__name__}: {first}"


def _in_child(device: torch.device) -> Verdict:
    start = time.perf_counter()
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.run(
            [sys.executable, "-m", __name__, str(device)],
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=_CHILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Verdict(None, time.perf_counter() - start, f"spconv hangs on {device}")
    seconds = time.perf_counter() - start
    if child.returncode:
        return Verdict(None, seconds, f"spconv {_ending(child.returncode)} on {device}")
    return Verdict(**json.loads(child.stdout.splitlines()[-1]))


def _ending(code: int) -> str:
    """How a child process ended, in words."""
    if code < 0:
        return f"ends its process ({signal.Signals(-code).name})"
    return f"cannot be checked (its process ends with {code})"


def _results(
    backend: Backend, device: torch.device, joined: bool = False
) -> list[Float[Tensor, "..."]]:
    """Outputs and gradients of three layers, rows in lexicographic order of their voxels."""
    generator = torch.Generator().manual_seed(0)
    shape = (_EXTENT,) * 3
    occupied = torch.rand(_SCENES, *shape, generator=generator) < 0.2

    def random(*shape: int) -> Tensor:
        made = torch.randn(shape, generator=generator, dtype=torch.float32)
        if len(shape) > 2:
            made /= math.prod(shape[1:]) ** 0.5  # a weight: outputs stay about as large as inputs
        return made.to(device).requires_grad_()

    places = occupied.nonzero().int().to(device)
    sites = Sites(places, shape, _SCENES, backend)
    if joined:
        sites = KnownSites().of(sites, step=2)
    channels = _CHANNELS
    features = random(len(places), channels)
    same = random(2 * channels, 3, 3, 3, channels)
    down = random(3 * channels, 2, 2, 2, 2 * channels)
    up = random(channels, 2, 2, 2, 3 * channels)
    first = backend.submanifold(features, same, sites.neighbours)
    second = backend.strided(first, down, sites.halved.pairs)
    third = backend.inverse(second, up, sites.halved.pairs)
    wanted = third.new_tensor(range(len(third))).sin()[:, None]
    gradients = torch.autograd.grad((third * wanted).sum(), (features, same, down, up))
    order = torch.unique(sites.halved.sites.coordinates, dim=0, return_inverse=True)[1].argsort()
    return [first.detach(), second.detach()[order], third.detach(), *gradients]


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(asdict(_here(torch.device(sys.argv[1])))) + "\n")
