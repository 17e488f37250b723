"""Which check belongs to which golden file, and all of them over a folder."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .case import Finding, read
from .check_backbone import check_backbone
from .check_decoder import check_decoder
from .check_geometry import check_lifting, check_sampling
from .check_inference import check_inference
from .check_losses import check_losses
from .check_matching import check_matching
from .check_names import check_names, check_text_names

_OF_TENSORS: tuple[tuple[str, Callable[..., Iterator[Finding]]], ...] = (
    (r"(mdin|ipdn)_decoder_\w+", check_decoder),
    (r"(mdin|ipdn)_loss_\w+", check_losses),
    (r"matching_\w+", check_matching),
    (r"inference_\w+", check_inference),
    (r"backbone_\w+", check_backbone),
    (r"lift_\w+", check_lifting),
    (r"fps_\w+", check_sampling),
)
"""Patterns of names, whose group is the method, and what checks such a file."""
_OF_LISTS: tuple[tuple[str, Callable[[Path], Iterator[Finding]]], ...] = (
    (r"(mdin|ipdn)_state_dict\.tsv", check_names),
    (r"roberta_keys\.tsv", check_text_names),
)
_PROSE = ".md"


@dataclass(frozen=True)
class Checkable:
    """A golden file and its check."""

    name: str
    check: Callable[[], Iterator[Finding]]


def checkable(path: Path) -> Checkable | None:
    """The check of a file; None for files that have none."""
    for pattern, of_list in _OF_LISTS:
        if re.fullmatch(pattern, path.name):
            return Checkable(path.name, partial(of_list, path))
    if path.suffix != ".safetensors":
        return None
    for pattern, of_tensors in _OF_TENSORS:
        if found := re.fullmatch(pattern, path.stem):
            return Checkable(path.stem, partial(_read_and_check, of_tensors, path, found.groups()))
    return None


def holds_numbers(name: str) -> bool:
    """Whether a file of this name is one of those that golden values are kept in."""
    return Path(name).suffix in (".safetensors", ".tsv")


def _read_and_check(
    check: Callable[..., Iterator[Finding]], path: Path, method: tuple[str, ...]
) -> Iterator[Finding]:
    return check(read(path.parent, path.stem), *method)


def checks_of(folder: Path) -> tuple[list[Checkable], list[str]]:
    """The checks of a folder's files, and the names of files that no check is for."""
    checks, unknown = [], []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        described = path.suffix == ".json" and path.with_suffix(".safetensors").is_file()
        if path.suffix == _PROSE or described:
            continue
        if (found := checkable(path)) is None:
            unknown.append(path.name)
        else:
            checks.append(found)
    return checks, unknown
