"""Where a cell comes from: origin.json in its folder, kept up to date by the work itself.

A cell that was stopped and gone on with has several parts; what it took is their sum. The parts of
another code, whose training was dropped, are dropped too.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from flows.datasets import content_key
from flows.planning.plan import used_weights
from flows.tracing.hardware import Hardware
from flows.tracing.meter import Meter, Spent
from flows.tracing.provenance import Provenance, provenance, short
from flows.workers.machine import DEVICE, chosen_here
from hcfres.config.cell import CellConfig
from hcfres.data.errors import DataError
from hcfres.pipeline.slices import given_names
from hcfres.pipeline.stages import TEXT
from hcfres.pipeline.versions import code_of_cells, stage_versions
from hcfres.store.files import write_atomic
from hcfres.store.store import Stored
from hcfres.store.weights import weights_identity
from hcfres.store.workspace import Workspace

ORIGIN, ENTRIES = "origin.json", "entries.json"
JobName = Literal["train", "evaluate"]
_SECONDS_BETWEEN_WRITES = 5.0


@dataclass(frozen=True)
class Part:
    """One stretch of work on a cell."""

    job: JobName
    began: str
    """UTC, ISO 8601."""
    ended: bool
    """False: it was stopped, and `spent` is as of its last epoch."""
    code: str
    """Fingerprint of the code."""
    commit: str
    """Empty outside a git checkout."""
    uncommitted: str
    """Digits of `uncommitted-<digits>.diff` beside this; empty where nothing was."""
    packages: str
    """Digits of `packages-<digits>.txt`."""
    command: str
    hardware: Hardware
    device: str
    environment: dict[str, str]
    """What was chosen for this machine, and is no part of the cell's identity."""
    sparse_convolution: str
    """The backend that computed it; empty until the part ended."""
    spent: Spent
    processes: int = 1
    """That trained together. They keep step, so that device time is the first's times their number;
    memory is the first's."""


@dataclass(frozen=True)
class Origin:
    """The content of an origin.json."""

    key: str
    data: str
    """What identifies the dataset but its scans."""
    stages: dict[str, int]
    """Version of each stage."""
    weights: dict[str, str]
    """The hash of each weights file that is used, `random:SEED` for none, by what they are of."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    format: Literal[1] = 1

    @property
    def last(self) -> Part:
        """The last stretch of work."""
        return self.parts[-1]

    def total(self, name: str) -> float | None:
        """A quantity of Spent over all parts: times and energies add up, of memory it is the most.

        None where it is not known of every part.
        """
        values: list[float | None] = [getattr(part.spent, name) for part in self.parts]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return max(known) if name.endswith("memory_mb") else sum(known)

    def said(self, read: Callable[[Part], object]) -> str:
        """What `read` gives of the parts, each once, in their order."""
        return ", then ".join(dict.fromkeys(str(read(part)) for part in self.parts))

    def tags(self) -> dict[str, str]:
        """Name all of it in short, for MLflow."""
        weights = ", ".join(f"{what} {found[:12]}" for what, found in self.weights.items())
        return {
            "hcfres.commit": self.said(lambda part: part.commit or "not a git checkout"),
            "hcfres.uncommitted": self.said(lambda part: part.uncommitted or "nothing"),
            "hcfres.packages": self.said(lambda part: part.packages),
            "hcfres.machine": self.said(lambda part: part.hardware),
            "hcfres.device": self.said(lambda part: part.device),
            "hcfres.command": self.said(lambda part: part.command),
            "hcfres.data": self.data,
            "hcfres.weights": weights,
            "hcfres.parts": str(len(self.parts)),
        }

    def measured(self) -> dict[str, float]:
        """What all parts took, as far as it is known, for MLflow."""
        totals = {f"spent/{field.name}": self.total(field.name) for field in fields(Spent)}
        return {name: value for name, value in totals.items() if value is not None}


_ORIGIN = TypeAdapter(Origin)
_Step = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+=-]{0,99}$")]
"""One step of a path, and never a step upwards: these files come from other machines too."""
_ENTRIES = TypeAdapter(dict[_Step, dict[_Step, Annotated[str, Field(pattern="^[0-9a-f]{16}$")]]])


def read_origin(folder: Path) -> Origin | None:
    """Where the cell in `folder` comes from; None of a cell that was made before this was kept.

    Raises:
        DataError: the file is broken.
    """
    path = folder / ORIGIN
    try:
        return _ORIGIN.validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError as error:
        reason = f"not what a cell's origin looks like ({error.errors()[0]['msg']})"
        way_out = "Without the file the cell counts as one of unknown origin"
        raise DataError(path, reason, way_out) from None


def read_entries(folder: Path) -> dict[str, dict[str, str]]:
    """The results of stages that a cell read: by stage and scene the key; empty where not kept.

    Raises:
        DataError: the file is broken.
    """
    path = folder / ENTRIES
    try:
        return _ENTRIES.validate_json(path.read_bytes()) if path.exists() else {}
    except ValidationError:
        way_out = "Without the file it is not known which results the cell read"
        raise DataError(path, "not a list of stages, scenes and keys", way_out) from None


class Recorder:
    """Keeps origin.json and entries.json of a cell that is worked on."""

    def __init__(self, folder: Path, origin: Origin, meter: Meter, given: frozenset[str]) -> None:
        self._folder, self._origin, self._meter, self._given = folder, origin, meter, given
        self._entries = _earlier_entries(folder) if len(origin.parts) > 1 else {}
        self._written = 0.0

    def noticed(self, stored: Stored[Any]) -> None:
        """Note a result that the cell was given; what it was made from, its own record tells."""
        if stored.stage.name in self._given:
            self._entries.setdefault(stored.stage.name, {})[stored.record.label] = stored.key

    def listening(self, emit: Callable[[Any], None]) -> Callable[[Any], None]:
        """Pass events on, and write down what was spent until each."""

        def told(event: Any) -> None:
            if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
                self.write()
            emit(event)

        return told

    def write(self, ended: bool = False) -> None:
        """Write down what was spent so far."""
        self._written = time.monotonic()
        spent = self._meter.read().together(self._origin.last.processes)
        part = replace(self._origin.last, spent=spent, ended=ended)
        if ended:
            part = replace(part, sparse_convolution=_backend(part.device))
        self._origin = replace(self._origin, parts=(*self._origin.parts[:-1], part))
        _write(self._folder / ORIGIN, asdict(self._origin))
        if self._entries:
            _write(self._folder / ENTRIES, self._entries)


@contextmanager
def recorded(
    cell: CellConfig, key: str, job: JobName, workspace: Workspace, processes: int = 1
) -> Iterator[Recorder]:
    """Keep the origin of what is done to a cell while inside, by this process and others like it.

    Args:
        processes: that do it together; this is the first.
    """
    folder, about = workspace.cells / key, provenance()
    chosen, code = chosen_here(), code_of_cells()
    device = chosen.get(DEVICE, "cpu")
    meter = Meter(device)
    _write_texts(folder, about)
    part = Part(
        job=job,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        ended=False,
        code=code,
        commit=about.commit,
        uncommitted=short(about.diff),
        packages=short(about.packages),
        command=about.command,
        hardware=about.hardware,
        device=device,
        environment=chosen,
        sparse_convolution="",
        spent=meter.read().together(processes),
        processes=processes,
    )
    origin = Origin(
        key=key,
        data=content_key(cell.setting, workspace),
        stages=stage_versions(),
        weights={
            what: weights_identity(name, workspace.weights)
            for what, name in used_weights(cell).items()
        },
        parts=(*_earlier(folder, code, job), part),
    )
    given = frozenset((*given_names(cell.method), TEXT.name))
    recorder = Recorder(folder, origin, meter, given)
    recorder.write()
    yield recorder
    recorder.write(ended=True)


def _earlier(folder: Path, code: str, job: JobName) -> tuple[Part, ...]:
    """The parts that today's work goes on from: none where the training begins anew."""
    try:
        before = read_origin(folder)
    except DataError:
        return ()  # what was written then is lost; what is done now is not
    anew = job == "train" and not (folder / "checkpoint").is_dir()
    if before is None or anew:
        return ()
    return tuple(part for part in before.parts if part.code == code)


def _earlier_entries(folder: Path) -> dict[str, dict[str, str]]:
    try:
        return read_entries(folder)
    except DataError:
        return {}  # as of the parts: what is read from now on is not lost


def _write_texts(folder: Path, about: Provenance) -> None:
    """Put beside the cell what its parts name by digits."""
    texts = {f"packages-{short(about.packages)}.txt": about.packages}
    if about.diff:
        texts[f"uncommitted-{short(about.diff)}.diff"] = about.diff
    for name, text in texts.items():
        if not (folder / name).exists():
            write_atomic(folder / name, text.encode())


def _backend(device: str) -> str:
    """The library that computed sparse convolutions in this process."""
    import torch  # noqa: PLC0415  there already, where something was computed

    from hcfres.model.sparse.choice import choose  # noqa: PLC0415

    return choose(torch.device(device.partition(":")[0])).backend.name


def _write(path: Path, told: Any) -> None:
    write_atomic(path, json.dumps(told, indent=1).encode())
