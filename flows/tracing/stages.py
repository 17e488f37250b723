"""The results of stages that a cell read, and what each of them was made from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.datasets import dataset_folder
from hcfres.config.identity import digest
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import LABEL_TABLE, SPLITS, Dataset
from hcfres.data.errors import DataError
from hcfres.data.frames import frame_files
from hcfres.data.scannet import scene_files
from hcfres.pipeline.stages import STAGES
from hcfres.pipeline.survey import asked_scenes
from hcfres.store.entry import Record, is_whole, looks_whole, read_record
from hcfres.store.workspace import Workspace

_OF_STAGE = {stage.name: stage for stage in STAGES}
_SCENES = 5
"""Names that a message shows."""


@dataclass(frozen=True)
class StageLine:
    """The results of one stage that a cell read."""

    stage: str
    read: int
    whole: int
    """Still there, every file with its size."""
    other_code: int
    """Of these, made by code that is not the present one, nor known to make the same."""
    seconds: float
    """That making them took."""
    entries: dict[str, str]
    """By scene the key: the folder is `store/<stage>/<scene>-<key>`."""


@dataclass(frozen=True)
class EntryLine:
    """One result of one scene, or the files that it was made from."""

    name: str
    """The stage, or `scan`, `frames`, `sentences`."""
    key: str
    """Of a result; of files their hash."""
    state: str
    """`whole`, `damaged` or `gone`; of files `as then` or `changed`."""
    made: str
    """When; empty of files."""
    inputs: tuple[str, ...]
    """What it was made from, by key or hash."""
    paths: tuple[str, ...]


def stage_lines(
    entries: Mapping[str, Mapping[str, str]], workspace: Workspace
) -> tuple[StageLine, ...]:
    """Look after the results that a cell read; none of a cell that kept no list of them."""
    return tuple(_line(name, entries[name], workspace) for name in _OF_STAGE if name in entries)


def _line(stage: str, keys: Mapping[str, str], workspace: Workspace) -> StageLine:
    folders = [workspace.store / stage / f"{scene}-{key}" for scene, key in keys.items()]
    found = [(folder, record) for folder in folders if (record := read_record(folder))]
    whole = [record for folder, record in found if looks_whole(folder, record)]
    others = [record for record in whole if not _OF_STAGE[stage].is_own(record.fingerprint)]
    seconds = sum(record.seconds for record in whole)
    return StageLine(stage, len(keys), len(whole), len(others), seconds, dict(keys))


def entry_lines(
    scene: str,
    entries: Mapping[str, Mapping[str, str]],
    setting: SettingConfig,
    workspace: Workspace,
) -> tuple[EntryLine, ...]:
    """Follow a scene's results down to the files; results and files are read and compared.

    Raises:
        DataError: the cell read nothing of this scene.
    """
    wanted = [(stage, keys[scene]) for stage, keys in entries.items() if scene in keys]
    if not wanted:
        known = sorted({name for keys in entries.values() for name in keys})
        more = f", ... ({len(known)} in all)" if len(known) > _SCENES else ""
        names = ", ".join(known[:_SCENES]) + more
        told = f"It read: {names}" if known else "Which it read was not kept when it was made"
        raise DataError(workspace.cells, f"the cell read nothing of the scene {scene!r}", told)
    results = dict(_results(scene, wanted, workspace))
    keys = {key for _, key in results}
    lines = [_entry(place, record, scene, workspace) for place, record in results.items()]
    hashes = {name for line in lines for name in line.inputs} - keys
    return (*lines, *_files(scene, hashes, setting, workspace))


Place = tuple[str, str]
"""A stage and a key."""


def _results(
    scene: str, wanted: list[Place], workspace: Workspace
) -> Iterator[tuple[Place, Record | None]]:
    """The wanted results and all that they were made from, as far as it is still in the store."""
    there = _stages_by_key(scene, workspace)
    seen: set[Place] = set()
    while wanted:
        stage, key = place = wanted.pop(0)
        if place in seen:
            continue
        seen.add(place)
        record = read_record(workspace.store / stage / f"{scene}-{key}")
        yield place, record
        inputs = record.inputs if record else ()
        wanted += [(there[name], name) for name in inputs if name in there]


def _stages_by_key(scene: str, workspace: Workspace) -> dict[str, str]:
    """For each key of a scene's results that are in the store, the stage."""
    found = workspace.store.glob(f"*/{scene}-*") if scene.isidentifier() else ()
    return {path.name.removeprefix(f"{scene}-"): path.parent.name for path in found}


def _entry(place: Place, record: Record | None, scene: str, workspace: Workspace) -> EntryLine:
    stage, key = place
    folder = workspace.store / stage / f"{scene}-{key}"
    if record is None:
        return EntryLine(stage, key, "gone", "", (), (str(folder),))
    state = "whole" if is_whole(folder, record) else "damaged"
    return EntryLine(stage, key, state, record.created, record.inputs, (str(folder),))


def _files(
    scene: str, hashes: set[str], setting: SettingConfig, workspace: Workspace
) -> Iterator[EntryLine]:
    """The scan, its frames and its sentences, held against the hashes that results name."""
    root = dataset_folder(setting, workspace)
    for name, read in (("scan", _scan), ("frames", _frames), ("sentences", _sentences)):
        try:
            found, paths = read(Dataset(root), scene, setting)
        except DataError as error:
            yield EntryLine(name, "", "gone", "", (), (str(error),))
        else:
            state = "as then" if found in hashes else "changed, or not read"
            yield EntryLine(name, found, state, "", (), tuple(map(str, paths)))


Files = tuple[str, tuple[Path, ...]]
"""The hash of some files as they are now, and the files."""


def _scan(dataset: Dataset, scene: str, setting: SettingConfig) -> Files:
    files = scene_files(dataset.root / "scans" / scene, scene)
    return dataset.scene_hash(scene), (*files, dataset.root / LABEL_TABLE)


def _frames(dataset: Dataset, scene: str, setting: SettingConfig) -> Files:
    every = setting.data.frame_every
    files = frame_files(dataset.frames_folder(scene), dataset.frame_indices(scene, every))
    return dataset.frames_hash(scene, every), files


def _sentences(dataset: Dataset, scene: str, setting: SettingConfig) -> Files:
    source = setting.data.expressions
    said = asked_scenes(dataset, source).get(scene, ())
    paths = dict.fromkeys(dataset.expressions_path(source, split) for split in SPLITS[:2])
    return digest(*(expression.description for expression in said)), tuple(paths)
