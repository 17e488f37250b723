"""Which backend computes sparse convolutions on a device.

spconv where it agrees with plain torch, plain torch everywhere else. HCFRES_SPARSE_CONVOLUTION
says otherwise: `spconv` or `plain`, both unchecked. It stands beside HCFRES_DEVICE, not in the
configuration: how a sum is computed on a machine is no part of what a cell is.
"""

import logging
import os
from dataclasses import dataclass
from functools import cache

import torch

from hcfres.config.loading import ConfigError
from hcfres.model.sparse.check import Verdict, examine_spconv
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Backend

VARIABLE = "HCFRES_SPARSE_CONVOLUTION"
_CHOICES = ("auto", "spconv", "plain")
_CHECKED = ("cpu", "cuda")
"""Devices that spconv knows."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """A backend, and why it is this one."""

    backend: Backend
    reason: str
    """Why it is not spconv, or who asked for it; empty for a spconv that was checked."""
    verdict: Verdict | None
    """Of the check of spconv; None if there was none."""


def choose(device: torch.device) -> Choice:
    """The backend for a device, found once a process.

    Raises:
        ConfigError: HCFRES_SPARSE_CONVOLUTION is none of its values, or names a library that is
            not installed.
    """
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return _chosen(os.environ.get(VARIABLE) or "auto", str(device))


@cache
def _chosen(asked: str, device: str) -> Choice:
    if asked not in _CHOICES:
        raise ConfigError(f"{VARIABLE} is {asked!r}; it may be {', '.join(_CHOICES)}")
    if asked != "auto":
        backend = PLAIN if asked == "plain" else _spconv()
        return Choice(backend, f"{VARIABLE} is {asked}: not checked", None)
    return _checked(torch.device(device))


def _checked(device: torch.device) -> Choice:
    if device.type not in _CHECKED:
        return Choice(PLAIN, f"spconv does not know the device {device.type}", None)
    verdict = examine_spconv(device)
    if not verdict.complaint:
        return Choice(_spconv(), "", verdict)
    logger.warning("sparse convolution by %s: %s", PLAIN.name, verdict.complaint)
    return Choice(PLAIN, verdict.complaint, verdict)


def _spconv() -> Backend:
    try:
        from hcfres.model.sparse.spconv_backend import SPCONV  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"{VARIABLE} is spconv, which cannot be imported ({error}); "
            "install it, or leave the variable out"
        ) from error
    return SPCONV
