"""Packages as syntax trees: which names their modules define and import. Nothing is run."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hcfres.store.sources import Sources, read_sources

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Target:
    """What an imported name stands for: a module, or a name in it."""

    module: str
    name: str | None


@dataclass
class Module:
    """One source file."""

    name: str
    is_package: bool
    tree: ast.Module
    usages: dict[tuple[int, ...], Any] = field(default_factory=dict)
    """Filled by hcfres.store.usage, by the ids of the nodes of `tree`."""

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Functions and classes of the module's top level."""
        return {n.name: n for n in _top_level(self.tree.body) if isinstance(n, DEFINITIONS)}

    @cached_property
    def statements(self) -> dict[str, list[ast.stmt]]:
        """For each name that is no definition, the top-level statements that set or change it."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            if isinstance(statement, (*DEFINITIONS, ast.Import, ast.ImportFrom)):
                continue
            for name in _changed_names(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def imports(self) -> dict[str, Target]:
        """What the imported names of the top level stand for."""
        return self.imports_of(list(_top_level(self.tree.body)))

    def imports_of(self, nodes: list[ast.stmt]) -> dict[str, Target]:
        """What the import statements among `nodes` bind."""
        found: dict[str, Target] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.split(".")[0]
                    found[alias.asname or whole] = Target(whole, None)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node)
                for alias in node.names:
                    found[alias.asname or alias.name] = Target(source, alias.name)
        return found

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        keep = len(parts) - node.level + (1 if self.is_package else 0)
        return ".".join([*parts[:keep], *([node.module] if node.module else [])])


@dataclass
class Package:
    """A folder of modules, each parsed when first asked for."""

    root: Path
    """The package's own folder; its name is the first part of every module's."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Sources that stand in for those on the disk, by module: to ask what a change would do."""
    beside: tuple["Package", ...] = ()
    """Packages that this one imports from, which are looked into too."""
    _parsed: dict[str, Module | None] = field(default_factory=dict)
    _read: Sources | None = None

    @property
    def sources(self) -> Sources:
        """All of the package's files, as they were when first asked for."""
        if self._read is None:
            self._read = read_sources(self.root)
        return self._read

    @property
    def name(self) -> str:
        """The name that imports begin with."""
        return self.root.name

    def module(self, name: str) -> Module | None:
        """The module of that dotted name, or None if neither this nor those beside have it."""
        if name not in self._parsed:
            self._parsed[name] = self._parse(name)
        return self._parsed[name]

    def _parse(self, name: str) -> Module | None:
        first, *rest = name.split(".")
        if first != self.name:
            found = (package.module(name) for package in self.beside)
            return next((module for module in found if module), None)
        if (written := self.sources.module(rest)) is None:
            return None
        content, path = written
        source = self.changed.get(name) or content
        return Module(name, path.name == "__init__.py", ast.parse(source, str(self.root / path)))

    def resolve(self, module: str, name: str) -> Target | None:
        """Where `name`, as seen in `module`, is defined; None for names from outside."""
        for _ in range(20):  # a chain of re-exports; a circle would be an ImportError
            here = self.module(module)
            if here is None:
                return None
            if name in here.definitions or name in here.statements:
                return Target(module, name)
            if name in here.imports:
                target = here.imports[name]
                if target.name is None:
                    return target if self.module(target.module) else None
                module, name = target.module, target.name
                continue
            return Target(f"{module}.{name}", None) if self.module(f"{module}.{name}") else None
        return None


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a body, also those inside `if`, `try` and `with`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for block in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler.body)


def _changed_names(statement: ast.stmt) -> set[str]:
    """Names that a top-level statement binds, or may change by a call or an item."""
    if isinstance(statement, ast.Expr):
        inside = ast.walk(statement) if not isinstance(statement.value, ast.Constant) else []
        return {node.id for node in inside if isinstance(node, ast.Name)}
    changed: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            changed.add(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            inner: ast.expr = node
            while isinstance(inner, ast.Subscript | ast.Attribute):
                inner = inner.value
            changed |= {inner.id} if isinstance(inner, ast.Name) else set()
        elif isinstance(node, ast.Expr):
            changed |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return changed
