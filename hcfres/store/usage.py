"""What a piece of code says and which names it uses, before anything is known of the others."""

import ast
from dataclasses import dataclass

from hcfres.store.modules import Module, Target
from hcfres.store.normal_form import Names, names_of, normal_form

_BY_COMPUTED_NAME = {"getattr", "globals", "vars", "eval", "exec"}


@dataclass(frozen=True)
class Usage:
    """One function, statement or head of a class."""

    form: str
    """Its normal form."""
    mentions: frozenset[tuple[str, ...]]
    """Names that are not its own, and dotted names that begin with one: ("camera", "project")."""
    imports: dict[str, Target]
    """What its own import statements bind."""
    attributes: frozenset[str]
    """Names it asks any object for."""
    texts: frozenset[str]
    """Its text constants that may name code."""
    by_computed_name: bool
    """Whether it asks for attributes or names that only running it could tell."""


def usage(module: Module, nodes: tuple[ast.AST, ...], around: tuple[ast.AST, ...] = ()) -> Usage:
    """What `nodes` say and use; worked out once for a module.

    Args:
        around: looked through for names, but no part of the normal form.
    """
    key = tuple(map(id, nodes + around))
    if key not in module.usages:
        module.usages[key] = _usage(module, nodes, around)
    found: Usage = module.usages[key]
    return found


def _usage(module: Module, nodes: tuple[ast.AST, ...], around: tuple[ast.AST, ...]) -> Usage:
    inside = [child for node in nodes + around for child in ast.walk(node)]
    names = _names(nodes, inside)
    imports = module.imports_of([n for n in inside if isinstance(n, ast.Import | ast.ImportFrom)])
    dotted = {_dotted(n) for n in inside if isinstance(n, ast.Name | ast.Attribute)}
    texts = {n.value for n in inside if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return Usage(
        form=normal_form(nodes, names.local),
        mentions=frozenset(d for d in dotted if d and (d[0] in names.outer or d[0] in imports)),
        imports=imports,
        attributes=frozenset(n.attr for n in inside if isinstance(n, ast.Attribute)),
        texts=frozenset(text for text in texts if ":" in text),
        by_computed_name=any(map(_asks_by_computed_name, inside)),
    )


def _names(nodes: tuple[ast.AST, ...], inside: list[ast.AST]) -> Names:
    if len(nodes) == 1 and isinstance(nodes[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return names_of(nodes[0])
    return Names(frozenset(), frozenset(n.id for n in inside if isinstance(n, ast.Name)))


def _dotted(node: ast.expr) -> tuple[str, ...]:
    """A dotted name's parts; none for an attribute of anything but a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _asks_by_computed_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    if node.func.id not in _BY_COMPUTED_NAME:
        return False
    return node.func.id != "getattr" or not isinstance(node.args[1], ast.Constant)
