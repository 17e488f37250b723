"""Changes to code that change what it does, and changes that do not."""

import ast
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hcfres.store.modules import Module, Package

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Not: ast.UAdd,
    ast.USub: ast.UAdd,
    ast.In: ast.NotIn,
    ast.Is: ast.IsNot,
}
_OUTSIDE = {"annotation", "returns", "type_params"}


def sites(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Places of a node where a constant, an operator or an attribute's name can be changed."""
    for key, value in ast.iter_fields(node):
        if key in _OUTSIDE:
            continue
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, ast.AST) or _is_text(part):
                continue
            if isinstance(part, ast.Constant) and isinstance(part.value, bool | int | float | str):
                yield part, "value"
            if (
                isinstance(part, ast.BinOp | ast.BoolOp | ast.UnaryOp)
                and type(part.op) in OPERATORS
            ):
                yield part, "op"
            if isinstance(part, ast.Compare) and type(part.ops[0]) in OPERATORS:
                yield part, "ops"
            if isinstance(part, ast.Attribute):
                yield part, "attr"
            yield from sites(part)


@contextmanager
def mutated(node: ast.AST, key: str) -> Iterator[None]:
    """Change one of `sites` in place, for a while."""
    old = copy.copy(getattr(node, key))
    _mutate(node, key)
    yield
    setattr(node, key, old)


def _mutate(node: ast.AST, key: str) -> None:
    old = getattr(node, key)
    if key == "ops":
        node.ops[0] = OPERATORS[type(old[0])]()  # type: ignore[attr-defined]
    elif key == "op":
        setattr(node, key, OPERATORS[type(old)]())
    elif isinstance(old, bool):
        setattr(node, key, not old)
    elif isinstance(old, str):
        setattr(node, key, f"{old}x")
    else:
        setattr(node, key, old + 1)


def with_mutant(package: Package, module: Module, within: ast.AST) -> Package:
    """The package after a change within a node of a module; what is known of the rest stays."""
    changed = {id(node) for node in ast.walk(within)}
    known = {ids: used for ids, used in module.usages.items() if not changed & set(ids)}
    fresh = Module(module.name, module.is_package, module.tree, known)
    known_modules = {**package._parsed, module.name: fresh}
    return Package(package.root, {}, package.beside, known_modules, package.sources)


def write_package(folder: Path, **sources: str) -> Package:
    """A package `toy` of the given modules; `a_of_b` is module `a` of package `b`."""
    root = folder / "toy"
    root.mkdir(parents=True)
    for name, source in {"__init__": "", **sources}.items():
        path = root.joinpath(*name.split("_of_")[::-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source)
    return Package(root)


def _is_text(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]
