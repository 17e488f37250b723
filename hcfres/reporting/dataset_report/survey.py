"""Everything the report is made from: the facts of all scans, and the sentences about them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from hcfres.data.annotations.annotations import Note, Rejected
from hcfres.data.dataset import EXPRESSION_FILES, SPLITS, Dataset, Source, Split
from hcfres.data.errors import DataError
from hcfres.data.expression import Expression
from hcfres.reporting.dataset_report.facts import ObjectFacts, SceneFacts, without_place

SOURCES: tuple[Source, ...] = tuple(EXPRESSION_FILES)


@dataclass(frozen=True)
class Sentences:
    """One file of sentences."""

    source: Source
    split: Split
    expressions: tuple[Expression, ...] = ()
    """Those that are consistent."""
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[Note, ...] = ()
    """Entries that are used although something about them looks wrong."""
    refused: str = ""
    """Why the whole file cannot be used."""


@dataclass(frozen=True)
class Target:
    """An object that some sentence of the setting's source is about."""

    scene: SceneFacts
    thing: ObjectFacts


@dataclass(frozen=True)
class Survey:
    """A dataset as the report sees it."""

    source: Source
    """Whose sentences the setting uses."""
    lists: dict[Split, tuple[str, ...]]
    """The scans of each split that has a list."""
    scenes: tuple[SceneFacts, ...]
    """In the lists' order."""
    sentences: tuple[Sentences, ...]

    @cached_property
    def by_name(self) -> dict[str, SceneFacts]:
        """The scans that could be read."""
        return {scene.scene_id: scene for scene in self.scenes if not scene.refused}

    @cached_property
    def expressions(self) -> dict[Split, tuple[Expression, ...]]:
        """The sentences that the setting uses and whose targets are public."""
        own = {file.split: file for file in self.sentences if file.source == self.source}
        return {
            split: tuple(item for item in file.expressions if not item.hidden)
            for split, file in own.items()
        }

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Each object that the setting's sentences are about, once, in scans that were read."""
        found: dict[tuple[str, int], None] = {}
        for expressions in self.expressions.values():
            for item in expressions:
                found |= dict.fromkeys((item.scene_id, i) for i in item.object_ids)
        things = {
            (scene.scene_id, thing.object_id): Target(scene, thing)
            for scene in self.by_name.values()
            for thing in scene.objects
        }
        return tuple(things[key] for key in found if key in things)


def split_lists(dataset: Dataset) -> dict[Split, tuple[str, ...]]:
    """Read the lists of the splits that have one.

    Raises:
        DataError: a list is broken, or there is none at all.
    """
    there = [name for name in SPLITS if (dataset.root / f"scannetv2_{name}.txt").is_file()]
    return {name: dataset.scene_ids(name) for name in there or SPLITS[:1]}


def sentences_of(dataset: Dataset, splits: Iterable[Split]) -> tuple[Sentences, ...]:
    """Read every file of sentences on the disk; one that is refused says so in the result."""
    found = []
    for source in SOURCES:
        for split in splits:
            if not dataset.expressions_path(source, split).is_file():
                continue
            try:
                read = dataset.annotations(source, split)
            except DataError as error:
                refused = without_place(error, dataset)
                found.append(Sentences(source, split, refused=refused))
            else:
                found.append(Sentences(source, split, read.expressions, read.rejected, read.notes))
    return tuple(found)


def dataset_hash(dataset: Dataset, scenes: Iterable[SceneFacts]) -> str:
    """Identify what the report read, images aside: lists, scans, label table, sentences.

    A sha256; scans that are not on the disk count by their names.
    """
    whole = hashlib.sha256()
    for scene in scenes:
        whole.update(f"{scene.split} {scene.scene_id} {scene.content}\n".encode())
    for source in SOURCES:
        for split in SPLITS:
            if dataset.expressions_path(source, split).is_file():
                told = dataset.expressions_hash(source, split)
                whole.update(f"{source} {split} {told}\n".encode())
    return whole.hexdigest()
