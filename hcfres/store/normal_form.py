"""Code without what changes no result: comments, layout, docstrings, annotations, local names."""

import ast
import symtable
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hcfres.store.modules import DEFINITIONS

_IGNORED = {"ctx", "kind", "type_comment", "type_params", "annotation", "returns"}
_NAMES_AS_TEXT = {
    (ast.ExceptHandler, "name"),
    (ast.MatchAs, "name"),
    (ast.MatchStar, "name"),
    (ast.MatchMapping, "rest"),
    (ast.Nonlocal, "names"),
}


@dataclass(frozen=True)
class Names:
    """How a function uses names."""

    local: frozenset[str]
    """Bound inside, and nowhere inside meaning a name of the module: free to be renamed."""
    outer: frozenset[str]
    """Of the module, or built in."""


def names_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Names:
    """Sort the names of a function and of everything nested in it."""
    told = ast.unparse(ast.Module([function], []))
    whole = symtable.symtable(told, "function", "exec")
    inside = [table for child in whole.get_children() for table in _nested(child)]
    bound: set[str] = set()
    fixed: set[str] = set()
    outer: set[str] = set()
    for table in inside:
        is_class = table.get_type() == "class"
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if symbol.is_global():
                outer.add(name)
            elif symbol.is_local():
                kept = symbol.is_parameter() or symbol.is_imported() or symbol.is_namespace()
                (fixed if kept or is_class else bound).add(name)
    around = [*function.decorator_list, function.args, function.returns or ast.Pass()]
    outer |= {n.id for part in around for n in ast.walk(part) if isinstance(n, ast.Name)}
    return Names(frozenset(bound - fixed - outer), frozenset(outer))


def _nested(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _nested(child)


def normal_form(nodes: Iterable[ast.AST], local: frozenset[str] = frozenset()) -> str:
    """Text that two pieces of code share when they differ in nothing that could change a result.

    It is the same on every version of Python. Names in `local` are numbered as they appear.
    """
    numbers: dict[str, str] = {}

    def name(text: str) -> str:
        return numbers.setdefault(text, f"_{len(numbers)}") if text in local else text

    return "\n".join(_told(node, name) for node in nodes)


def _told(value: object, name: Callable[[str], str]) -> str:
    if isinstance(value, ast.Name):
        return f"Name({name(value.id)})"
    if isinstance(value, ast.Constant):
        return f"{type(value.value).__name__}:{value.value!r}"
    if isinstance(value, ast.AST):
        fields = ((key, _field(value, key, name)) for key in value._fields if key not in _IGNORED)
        return f"{type(value).__name__}({','.join(f'{k}={told}' for k, told in fields if told)})"
    if isinstance(value, list):
        return f"[{','.join(_told(item, name) for item in value)}]"
    return repr(value)


def _field(node: ast.AST, key: str, name: Callable[[str], str]) -> str:
    value = getattr(node, key, None)
    if value is None or value == []:
        return ""
    if key == "body" and isinstance(node, (*DEFINITIONS, ast.Module)):
        value = without_docstrings(value)
    if (type(node), key) in _NAMES_AS_TEXT:
        value = [name(text) for text in value] if isinstance(value, list) else name(value)
    return _told(value, name)


def without_docstrings(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a body but those that are nothing except text."""
    return [node for node in body if not _is_text(node)]


def _is_text(node: ast.stmt) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]
