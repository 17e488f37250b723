"""Counts by split, scene and eval type, beside the published ones where there are any."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hcfres.data.dataset import SPLITS, Split
from hcfres.data.expression import EVAL_TYPES, EvalType
from hcfres.reporting.dataset_report.published import Column, Published, published
from hcfres.reporting.dataset_report.survey import SOURCES, Sentences, Survey

TITLES = {
    "multi3drefer": "Multi3DRefer",
    "scanrefer": "ScanRefer",
    "nr3d": "Nr3D",
    "sr3d": "Sr3D",
}


@dataclass(frozen=True)
class Cell:
    """A count of ours and, perhaps, the published one."""

    ours: int | None
    """None where there is nothing on the disk to count."""
    published: Published | None
    comparable: bool = True
    """False where the published one counts splits that are not on the disk."""

    @property
    def gap(self) -> int | None:
        """Ours minus the published one; None where they cannot be compared."""
        if self.ours is None or self.published is None or not self.comparable:
            return None
        return self.ours - self.published.value


@dataclass(frozen=True)
class CountTable:
    """One table of the page."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def counts_more(self) -> bool:
        """Tell whether a published total counts splits that are not on the disk."""
        return any(c.published and not c.comparable for _, cells in self.rows for c in cells)

    @property
    def sources(self) -> tuple[str, ...]:
        """Who published the numbers of this table."""
        cells = (cell for _, cells in self.rows for cell in cells)
        return tuple(dict.fromkeys(c.published.source for c in cells if c.published))


def count_tables(survey: Survey, *, is_scannet: bool) -> tuple[CountTable, ...]:
    """Count scans, then each source of sentences that is on the disk.

    Args:
        survey: the dataset.
        is_scannet: only ScanNet's scans have published numbers; rooms never get any.
    """
    found = [_scans(survey, is_scannet)]
    for source in SOURCES:
        files = [file for file in survey.sentences if file.source == source]
        if files:
            found.append(_sentences(source, files, is_scannet))
    return tuple(found)


def source_title(source: str, *, is_scannet: bool) -> str:
    """Name a source of sentences; those of rooms only have its form."""
    title = TITLES.get(source, source)
    return title if is_scannet else f"Sentences in {title}'s form"


def scene_table(survey: Survey) -> tuple[tuple[str, Split, dict[EvalType | str, int]], ...]:
    """Count the setting's sentences of each scan by eval type; scans without any are left out.

    Returns:
        Name, split, and the counts by eval type and under `all`, sorted by name.
    """
    counts: dict[tuple[str, Split], dict[EvalType | str, int]] = {}
    for split, expressions in survey.expressions.items():
        for item in expressions:
            row = counts.setdefault((item.scene_id, split), dict.fromkeys((*EVAL_TYPES, "all"), 0))
            row[item.eval_type] += 1
            row["all"] += 1
    return tuple((name, split, row) for (name, split), row in sorted(counts.items()))


def _scans(survey: Survey, is_scannet: bool) -> CountTable:
    def count(split: Split) -> dict[str, int] | None:
        if split not in survey.lists:
            return None
        read = [s for s in survey.scenes if s.split == split and not s.refused]
        return {
            "scans in the list": len(survey.lists[split]),
            "spaces": len({name.rpartition("_")[0] for name in survey.lists[split]}),
            "scans read": len(read),
            "vertices": sum(scene.vertices for scene in read),
            "annotated objects": sum(len(scene.objects) for scene in read),
            "usable frames": sum(scene.frames.usable for scene in read if scene.frames),
        }

    return _table("Scans", "scans", count, is_scannet)


def _sentences(source: str, files: Iterable[Sentences], is_scannet: bool) -> CountTable:
    of_split = {file.split: file for file in files}

    def count(split: Split) -> dict[str, int] | None:
        if split not in of_split or of_split[split].refused:
            return None
        return count_sentences(of_split[split])

    return _table(source_title(source, is_scannet=is_scannet), source, count, is_scannet)


def count_sentences(file: Sentences) -> dict[str, int]:
    """Count one file's sentences; `entries` counts the rejected ones too, as the published do."""
    types = [item.eval_type for item in file.expressions]
    targets = {(item.scene_id, i) for item in file.expressions for i in item.object_ids}
    counts = {
        "entries": len(file.expressions) + len(file.rejected),
        "rejected": len(file.rejected),
        "scans": len({item.scene_id for item in file.expressions}),
        "target objects": len(targets),
    }
    if file.source == "scanrefer":
        return counts | {"unique": types.count("st_wo_d"), "multiple": types.count("st_w_d")}
    counts |= {
        "zero targets": sum(name.startswith("zt") for name in types),
        "one target": sum(name.startswith("st") for name in types),
        "several targets": types.count("mt"),
    }
    return counts | {name: types.count(name) for name in EVAL_TYPES if name != "mt"}


def _table(
    title: str,
    name: str,
    count: Callable[[Split], dict[str, int] | None],
    is_scannet: bool,
) -> CountTable:
    counted = {split: count(split) for split in SPLITS}
    kept: list[Column] = [split for split in counted if counted[split] is not None or is_scannet]
    columns: tuple[Column, ...] = (*kept, "all")
    names = list(dict.fromkeys(row for found in counted.values() if found for row in found))
    totals = {row: sum(found[row] for found in counted.values() if found) for row in names}
    whole = all(found is not None for found in counted.values())

    def cell(row: str, column: Column) -> Cell:
        here = totals if column == "all" else counted[column]
        said = published(name, row, column) if is_scannet else None
        return Cell(None if here is None else here.get(row), said, whole or column != "all")

    rows = tuple((row, tuple(cell(row, column) for column in columns)) for row in names)
    return CountTable(title, columns, rows)
