"""All that MLflow holds of a run, as one value: to copy it, and to see that a copy is whole."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from mlflow.entities import DatasetInput, Metric, Param, Run, RunTag, ViewType
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from hcfres.store.files import fresh_hash

MOVED_FROM = "hcfres.moved_from"
"""The tag of a copy that names the run it was made from."""
_AT_ONCE = 90
_METRICS_AT_ONCE = 900
_SHOWN = 5
Point = tuple[int, int, str]
"""Step, time in ms, and the value as its shortest text: NaN equals NaN."""


@dataclass(frozen=True)
class RunContent:
    """One run; the parts that people read, and nothing that only its store knows."""

    name: str
    status: str
    start_ms: int
    end_ms: int | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, tuple[Point, ...]]
    """Every point of every metric, in order."""
    artefacts: Mapping[str, int]
    """Bytes by path."""
    inputs: tuple[str, ...]
    """Datasets, as text."""

    @property
    def points(self) -> int:
        """Points of all metrics."""
        return sum(len(points) for points in self.metrics.values())

    @property
    def digest(self) -> str:
        """Identifies the content."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def without_tag(self, name: str) -> "RunContent":
        """The same without a tag of our own book-keeping."""
        return replace(self, tags={k: v for k, v in self.tags.items() if k != name})


def runs_of(
    client: MlflowClient,
    experiment_id: str,
    condition: str = "",
    kinds: int = ViewType.ACTIVE_ONLY,
) -> Iterator[Run]:
    """All runs of an experiment, the oldest first; by default those that are not deleted."""
    page = None
    while True:
        found = client.search_runs(
            [experiment_id],
            condition,
            kinds,
            order_by=["attributes.start_time ASC"],
            page_token=page,
        )
        yield from found
        page = found.token
        if not page:
            return


def read_content(client: MlflowClient, run: Run) -> RunContent:
    """Read a run whole."""
    return RunContent(
        name=run.info.run_name,
        status=run.info.status,
        start_ms=run.info.start_time,
        end_ms=run.info.end_time,
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        metrics={name: _points(client, run, name) for name in sorted(run.data.metrics)},
        artefacts=dict(sorted(_artefacts(client, run.info.run_id, None))),
        inputs=tuple(sorted(str(one.to_dictionary()) for one in inputs_of(run))),
    )


def inputs_of(run: Run) -> list[DatasetInput]:
    """The datasets that somebody noted as a run's inputs."""
    return [] if run.inputs is None else run.inputs.dataset_inputs


def _points(client: MlflowClient, run: Run, name: str) -> tuple[Point, ...]:
    history = client.get_metric_history(run.info.run_id, name)
    return tuple(sorted((m.step, m.timestamp, repr(m.value)) for m in history))


def _artefacts(client: MlflowClient, run_id: str, place: str | None) -> Iterator[tuple[str, int]]:
    for item in client.list_artifacts(run_id, place):
        if item.is_dir:
            yield from _artefacts(client, run_id, item.path)
        else:
            yield item.path, item.file_size or 0


def expected(content: RunContent, run_id: str, parents: Mapping[str, str]) -> RunContent:
    """What a copy of a run holds: its own, with the parent's copy as its parent.

    Args:
        content: of the run.
        run_id: of the run.
        parents: the copies' ids by the ids of the runs.
    """
    tags = {**content.tags, MOVED_FROM: run_id}
    if parent := tags.get(MLFLOW_PARENT_RUN_ID):
        tags[MLFLOW_PARENT_RUN_ID] = parents.get(parent, parent)
    return replace(content, tags=tags)


def write_content(
    client: MlflowClient, run_id: str, content: RunContent, inputs: Iterable[DatasetInput]
) -> None:
    """Put a content into a run, artefacts apart; what is there already is left alone."""
    params = [Param(name, value) for name, value in content.params.items()]
    tags = [RunTag(name, value) for name, value in content.tags.items()]
    metrics = [
        Metric(name, float(value), time_ms, step)
        for name, points in content.metrics.items()
        for step, time_ms, value in points
    ]
    for start in range(0, len(params), _AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _AT_ONCE])
    for start in range(0, len(tags), _AT_ONCE):
        client.log_batch(run_id, tags=tags[start : start + _AT_ONCE])
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
    if wanted := list(inputs):
        client.log_inputs(run_id, wanted)
    if content.end_ms is not None:
        client.set_terminated(run_id, content.status, content.end_ms)


def fetch(client: MlflowClient, run: Run, folder: Path) -> Path:
    """Fetch all artefacts of a run into a new folder."""
    folder.mkdir()
    if client.list_artifacts(run.info.run_id):
        client.download_artifacts(run.info.run_id, "", str(folder))
    return folder


def unlike(one: Path, other: Path) -> list[str]:
    """The files of two folders that differ in their bytes, in words."""
    ours, theirs = _hashes(one), _hashes(other)
    wrong = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
    return [f"artefact {name} differs" for name in wrong]


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): fresh_hash(path) for path in files}


def differences(told: RunContent, found: RunContent) -> list[str]:
    """Where two contents differ, in words; none where they are equal."""
    lines = []
    for name in (field.name for field in fields(RunContent)):
        value, other = getattr(told, name), getattr(found, name)
        if isinstance(value, Mapping):
            keys = sorted(k for k in value.keys() | other.keys() if value.get(k) != other.get(k))
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            lines += [f"{name} {', '.join(keys[:_SHOWN])}{more}"] if keys else []
        elif value != other:
            lines.append(f"{name}: {value} became {other}")
    return lines
