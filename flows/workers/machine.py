"""What the environment says of this machine's use: on which devices, by how many workers."""

import os
import re
from pathlib import Path

from flows.tracking.store import require_tracking
from hcfres.config.loading import ConfigError

WORKERS, DEVICE = "HCFRES_WORKERS", "HCFRES_DEVICE"
VISIBLE = "CUDA_VISIBLE_DEVICES"
MOST_WORKERS = 1024
_CHOICES = (DEVICE, WORKERS, "HCFRES_SPARSE_CONVOLUTION", "OMP_NUM_THREADS")
_DRIVER = Path("/proc/driver/nvidia/gpus")
"""Has a folder for each GPU."""


def require_environment() -> None:
    """Refuse what the environment says wrongly, all of it at once.

    Raises:
        ConfigError: HCFRES_WORKERS is no number of workers, HCFRES_DEVICE no device, or
            HCFRES_TRACKING no place that runs can be tracked in.
    """
    problems = []
    for read in (worker_count, asked_device, require_tracking):
        try:
            read()
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))


def chosen_here() -> dict[str, str]:
    """Give what the environment chooses of how, not what, is computed; no places are told."""
    return {name: os.environ[name] for name in _CHOICES if name in os.environ}


def asked_workers() -> int | None:
    """Read HCFRES_WORKERS, a number of workers; None where it is not set."""
    text = os.environ.get(WORKERS)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_WORKERS:
        raise ConfigError(
            f"{WORKERS} is {text[:60]!r}: give a number of workers from 1 to {MOST_WORKERS}, or "
            "leave it out for one a core"
        )
    return int(text)


def worker_count() -> int:
    """Count the workers of a machine without a GPU: HCFRES_WORKERS, or one a core."""
    return asked_workers() or len(os.sched_getaffinity(0))


def asked_device() -> str | None:
    """Read HCFRES_DEVICE: `cpu`, `cuda`, a name as `devices` gives, or None where it is not set."""
    text = os.environ.get(DEVICE)
    if text is None or re.fullmatch("cpu|cuda(:[A-Za-z0-9/-]{1,80})?", text):
        return text
    raise ConfigError(
        f"{DEVICE} is {text[:60]!r}: give cpu, cuda or cuda:0, or leave it out for what is there"
    )


def expected_devices() -> tuple[str, ...]:
    """Name the devices as `devices` does, going by the GPUs' driver instead of torch."""
    there = len(list(_DRIVER.glob("*")))
    if VISIBLE in os.environ:
        there = min(there, sum(bool(name.strip()) for name in os.environ[VISIBLE].split(",")))
    asked = asked_device()
    return (asked,) if there and asked and ":" in asked else _chosen(there)


def devices() -> tuple[str, ...]:
    """Name one worker a GPU, or where there is none as many on the processor as are wanted.

    A GPU is called as CUDA_VISIBLE_DEVICES calls it, by number or UUID, or by its number where
    that is not set.

    Raises:
        ConfigError: HCFRES_DEVICE names a GPU that this machine does not have.
    """
    import torch  # noqa: PLC0415  only when there is work to do

    return _chosen(torch.cuda.device_count())


def own_device() -> str:
    """Name the first of `devices` as torch knows it in this process."""
    first = devices()[0]
    if first == "cpu":
        return first
    names = [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    name = first.partition(":")[2]
    return f"cuda:{names.index(name) if name in names else name}"


def _chosen(gpus: int) -> tuple[str, ...]:
    names = os.environ.get(VISIBLE, "").split(",")
    there = tuple(f"cuda:{name.strip()}" for name in names[:gpus] if name.strip())
    there = there or tuple(f"cuda:{index}" for index in range(gpus))
    asked = asked_device()
    if asked is not None and asked.startswith("cuda"):
        there = tuple(device for device in there if asked in ("cuda", device))
        if not there:
            raise ConfigError(f"{DEVICE} is {asked!r}, but torch finds no such GPU here")
    return there if there and asked != "cpu" else ("cpu",) * worker_count()
