"""What the disk knows of a cell that was trained, evaluated or not: the scores a search decides by.

Validation is not among them (decision 159). Nothing here imports torch.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from flows.cells.finished import read_finished
from flows.planning.plan import PlannedCell
from flows.tracing.hardware import hardware as hardware_here
from hcfres.training.journal import read_journal

LATENCY = "held_out_latency.json"
"""In a cell's folder: milliseconds of a sentence about a held-out scene, on which device of which
hardware, by which code."""
_CHECKPOINT = Path("checkpoint") / "state.safetensors"  # of hcfres.training.checkpoint


@dataclass(frozen=True)
class Trained:
    """A training that reached its last epoch."""

    curve: dict[int, float]
    """Mean IoU on held-out training spaces, by the number of epochs done."""
    seconds: float
    """Of the training."""
    latency_ms: float | None
    """Of a scene and one sentence about it; None where it was not measured on such a device."""

    @property
    def miou(self) -> float:
        """After the last epoch."""
        return self.curve[max(self.curve)]


def hardware_of(kind: str) -> str:
    """Name what computes on this machine's devices of a kind: its GPUs, or its processor."""
    here = hardware_here()
    return ", ".join(sorted(set(here.gpus))) if kind == "cuda" else here.cpu


def read_trained(
    planned: PlannedCell,
    code: str,
    kind: str,
    accept_code: bool = False,
    hardware: str | None = None,
) -> Trained | None:
    """Read what a cell reached; None unless it was trained to its last epoch by the present code.

    The disk of now decides, whatever it said when the cell was planned.

    Args:
        code: fingerprint of the present code.
        kind: of device that a latency has to be of, `cpu` or `cuda`: what one takes says nothing
            of the other.
        accept_code: what other code trained counts too.
        hardware: that it has to be of, as `hardware_of` names it; None: any of the kind.
    """
    epochs = planned.cell.setting.training.epochs
    curve = held_out_curve(planned.folder)
    if epochs not in curve or not _is_whole(planned, epochs, code, accept_code):
        return None
    seconds = sum(report.seconds for report in read_journal(planned.folder / "metrics.jsonl"))
    latency = _latency(planned.folder, None if accept_code else code, kind, hardware)
    return Trained(curve, seconds, latency)


def held_out_curve(folder: Path) -> dict[int, float]:
    """Give the mean IoU on held-out spaces by epochs done, as far as a cell was trained."""
    reports = read_journal(folder / "metrics.jsonl")
    return {r.epoch + 1: r.held_out_miou for r in reports if r.held_out_miou is not None}


def _is_whole(planned: PlannedCell, epochs: int, code: str, accept_code: bool) -> bool:
    """Tell whether the cell is finished, or its checkpoint is that of the last epoch."""
    if (finished := read_finished(planned.folder)) is not None:
        return accept_code or finished.code == code
    about = _about(planned.folder / _CHECKPOINT)
    key, _, by = about.get("identity", "").partition("-")
    ours = key == planned.key and (accept_code or by == code)
    return ours and about["epochs_done"] == str(epochs)


def _about(checkpoint: Path) -> dict[str, str]:
    try:
        with safe_open(checkpoint, framework="np") as opened:
            return dict(opened.metadata() or {})
    except (OSError, SafetensorError):
        return {}


def _latency(folder: Path, code: str | None, kind: str, hardware: str | None) -> float | None:
    """Read the latency; None where it is of something else, or does not say of what it is."""
    try:
        told = json.loads((folder / LATENCY).read_text())
        alike = str(told["device"]).partition(":")[0] == kind
        alike &= hardware in (None, told.get("hardware"))
        ours = code in (None, told["code"])
        return float(told["latency_ms"]) if alike and ours else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
