"""The names in the registries of variants and presets, read without importing what they name.

A registry's module imports torch, which takes seconds; its names are plain text in its source.
"""

import ast
import importlib
import sys
from functools import cache
from pathlib import Path

import hcfres
from hcfres.store.modules import Module, Package

REGISTRIES = {
    "fusion.within_2d": ("hcfres.model.fusion.registry", "WITHIN_2D"),
    "fusion.across": ("hcfres.model.fusion.registry", "ACROSS"),
    "sam.model": ("hcfres.semantics.sam", "PRESETS"),
    "clip.model": ("hcfres.semantics.clip", "PRESETS"),
    "text.model": ("hcfres.language.presets", "_WIDTHS"),
}
"""Where the names stand that a configuration's key may have: module and constant."""


def known_names(key: str) -> tuple[str, ...]:
    """List what `key` may be.

    A module that is imported already tells its names as they are now, with those that a notebook
    added; any other is only read, and imported where its source does not spell the names out.
    """
    module, constant = REGISTRIES[key]
    if module not in sys.modules and (written := written_names(module, constant)) is not None:
        return written
    return tuple(getattr(importlib.import_module(module), constant))


def written_names(module: str, constant: str) -> tuple[str, ...] | None:
    """Read the keys of a dict, or the items of a tuple, off a module's source.

    Returns:
        None where they are not texts, or constants that are, in one plain assignment.
    """
    source = _package().module(module)
    if source is None:
        return None
    match _value(source, constant):
        case ast.Dict(keys=parts) | ast.Tuple(elts=parts):
            names = [_text(source, part) for part in parts]
        case _:
            return None
    told = tuple(name for name in names if name is not None)
    return told if len(told) == len(names) else None


@cache
def _package() -> Package:
    return Package(Path(hcfres.__file__).parent)


def _value(source: Module, constant: str) -> ast.expr | None:
    """What a name that is set once, and never changed, is set to."""
    match source.statements.get(constant):
        case [ast.Assign(value=value) | ast.AnnAssign(value=value)]:
            return value
    return None


def _text(source: Module, part: ast.expr | None) -> str | None:
    if isinstance(part, ast.Name):
        part = _value(source, part.id)
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else None
