"""One MLflow run: what is logged to it, and how.

Runs are addressed by id, never by "the active run", because flows work in threads.
"""

import contextlib
import gzip
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from hcfres.store.errors import StoreError

LARGEST_SHOWN = 1_000_000
"""Bytes of an artefact that MLflow shows in its page; a larger one is packed, so that it does not
hang the page, and its beginning is shown."""
_SHOWN = {
    ".cfg", ".csv", ".diff", ".html", ".ini", ".jpeg", ".jpg", ".js", ".json", ".log", ".md",
    ".pdf", ".png", ".py", ".rst", ".svg", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml",
}  # fmt: skip
_TEXT = _SHOWN - {".html", ".jpeg", ".jpg", ".json", ".pdf", ".png", ".svg"}
"""Of these a beginning is worth reading."""
_FEW_AT_ONCE, _METRICS_AT_ONCE = 90, 800
"""Parameters or tags, and metrics, to a transaction; MLflow takes 100, and 1,000 of everything."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_LONGEST_PARAM = 5000
LONGEST_TAG = 8000
"""Characters; MLflow cuts longer ones, except those that a run is made with."""
_CUT = "\n\n... the rest is among the artefacts"


@dataclass(frozen=True)
class Points:
    """Metrics of one step."""

    values: Mapping[str, float]
    step: int
    at_ms: int

    @property
    def finite(self) -> list[Metric]:
        """Those that MLflow can draw."""
        return [
            Metric(name, float(value), self.at_ms, self.step)
            for name, value in self.values.items()
            if math.isfinite(value)
        ]

    @property
    def missing(self) -> list[str]:
        """Names of the others."""
        return [name for name, value in self.values.items() if not math.isfinite(value)]


@dataclass(frozen=True)
class TrackedRun:
    """One MLflow run, open or ended."""

    client: MlflowClient
    run_id: str
    experiment_id: str
    is_new: bool = field(default=False, compare=False)
    """Made just now: the store knows nothing of it that its maker did not tell."""

    def known(self) -> tuple[frozenset[str], dict[str, str]]:
        """Name the parameters that were logged, and give the tags, before it was opened here."""
        if self.is_new:
            return frozenset(), {}
        data = self.client.get_run(self.run_id).data
        return frozenset(data.params), data.tags

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; ones already there with the same value are left alone."""
        self.log(params=values)

    def new_params(self, values: Mapping[str, Any]) -> None:
        """Log the parameters that are not there yet: what a run is called may change while the
        folder it is of stays the same, and MLflow keeps the first."""
        known, _ = self.known()
        self.params({name: value for name, value in values.items() if name not in known})

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.log(tags=values)

    def metrics(self, values: Mapping[str, float], step: int, at_ms: int) -> None:
        """Log finite numbers of one step; others are named in the tag `hcfres.not_finite`."""
        self.log(points=[Points(values, step, at_ms)])

    def log(
        self,
        *,
        params: Mapping[str, Any] = _NOTHING,
        tags: Mapping[str, str] = _NOTHING,
        points: Sequence[Points] = (),
    ) -> None:
        """Log all of it, as `params`, `tags` and `metrics` do, in as few transactions as may be."""
        missing = sorted({name for point in points for name in point.missing})
        told = {**tags, "hcfres.not_finite": ", ".join(missing)} if missing else tags
        left_params = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in params.items()]
        left_tags = [RunTag(name, str(value)) for name, value in told.items()]
        left_metrics = [metric for point in points for metric in point.finite]
        while left_params or left_tags or left_metrics:
            self.client.log_batch(
                self.run_id,
                metrics=left_metrics[:_METRICS_AT_ONCE],
                params=left_params[:_FEW_AT_ONCE],
                tags=left_tags[:_FEW_AT_ONCE],
            )
            left_params, left_tags = left_params[_FEW_AT_ONCE:], left_tags[_FEW_AT_ONCE:]
            left_metrics = left_metrics[_METRICS_AT_ONCE:]

    def steps(self, name: str) -> frozenset[int]:
        """Give the steps at which a metric was logged."""
        return frozenset(m.step for m in self.client.get_metric_history(self.run_id, name))

    def last_step(self, name: str) -> int:
        """Give the last step logged of a metric, -1 when there is none."""
        return max(self.steps(name), default=-1)

    def last_ms(self, name: str) -> int:
        """Give the time of a metric's last point, 0 when there is none."""
        if self.is_new:
            return 0
        return max(
            (m.timestamp for m in self.client.get_metric_history(self.run_id, name)), default=0
        )

    def artefacts(self, paths: Iterable[Path], folder: str | None = None) -> None:
        """Copy files, or the files of folders, to the run; missing ones are an error.

        What MLflow shows inline is packed when it has more than LARGEST_SHOWN bytes.

        Raises:
            StoreError: a link in a folder leads out of it.
        """
        for path in paths:
            if path.is_dir():
                self._folder(path, folder or path.name)
            elif path.suffix in _SHOWN and path.stat().st_size > LARGEST_SHOWN:
                self._packed(path.name, path.read_bytes(), folder)
            else:
                self.client.log_artifact(self.run_id, str(path), folder)

    def _folder(self, path: Path, place: str) -> None:
        for child in sorted(path.iterdir()):
            if not child.resolve().is_relative_to(path.resolve()):
                raise StoreError(f"{child} leads out of its folder; put the file itself there")
            self.artefacts([child], f"{place}/{child.name}" if child.is_dir() else place)

    def text(self, text: str, name: str) -> None:
        """Keep a text as an artefact that MLflow shows inline; a long one is packed, as a file."""
        content = text.encode()
        if len(content) > LARGEST_SHOWN:
            self._packed(name, content, None)
        else:
            self.client.log_text(self.run_id, text, name)

    def _packed(self, name: str, content: bytes, folder: str | None) -> None:
        """Keep `name`.gz and, of a text, its beginning under its own name."""
        with tempfile.TemporaryDirectory() as place:
            whole = Path(place) / f"{name}.gz"
            whole.write_bytes(gzip.compress(content, mtime=0))
            self.client.log_artifact(self.run_id, str(whole), folder)
            if Path(name).suffix in _TEXT:
                note = f"\n\n... of {len(content):,} bytes; all of it is in {whole.name}\n".encode()
                begin = content[: LARGEST_SHOWN - len(note)].decode(errors="ignore").encode()
                (Path(place) / name).write_bytes(begin + note)
                self.client.log_artifact(self.run_id, str(Path(place) / name), folder)

    def describe(self, text: str) -> None:
        """Set the Markdown that the run's page opens with; one too long for MLflow is cut."""
        if len(text) > LONGEST_TAG:
            text = text[: LONGEST_TAG - len(_CUT)] + _CUT
        self.tags({MLFLOW_RUN_NOTE: text})

    @contextlib.contextmanager
    def ends_if_failing(self) -> Iterator[None]:
        """End the run as failed where what is inside fails."""
        try:
            yield
        except Exception:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self.end("FAILED")
            raise

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(self.run_id, status)
