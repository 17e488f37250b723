"""The code a function reaches within its package, and a fingerprint of it.

Read from the sources, nothing is imported. The walk errs on the side of too much: a method is
reached when its class is and anything reached asks some object for an attribute of its name.
What it cannot see: other libraries, data files, and attributes asked for by a computed name, which
therefore reaches every method of every class reached.
"""

import ast
import hashlib
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from hcfres.store.errors import StoreError
from hcfres.store.modules import Module, Package, Target
from hcfres.store.normal_form import Names, names_of, normal_form, without_docstrings

DIGITS = 16
_REFERENCE = re.compile(r"(\w+(?:\.\w+)+):(\w+)")
_BY_COMPUTED_NAME = {"getattr", "globals", "vars", "eval", "exec"}
_PLAIN_DECORATORS = {"property", "staticmethod", "classmethod", "cached_property"}


@dataclass(frozen=True)
class Unit:
    """A function, a constant, the head of a class, or one of its methods."""

    module: str
    name: str


@dataclass
class Closure:
    """What was reached: the normal form of each unit."""

    package: Package
    reached: dict[Unit, str] = field(default_factory=dict)
    _attributes: set[str] = field(default_factory=set)
    _waiting: dict[Unit, ast.stmt] = field(default_factory=dict)
    _by_computed_name: bool = False

    def add(self, target: Target) -> None:
        """Reach a name of a module, and everything it reaches."""
        pending = [target]
        while pending or (pending := self._called()):
            pending += self._visit(pending.pop())

    def fingerprint(self) -> str:
        """One hash of everything reached."""
        told = "\n".join(
            f"{unit.module}:{unit.name}\n{form}"
            for unit, form in sorted(self.reached.items(), key=lambda item: str(item[0]))
        )
        return hashlib.sha256(told.encode()).hexdigest()[:DIGITS]

    def _visit(self, target: Target) -> list[Target]:
        module = self.package.module(target.module)
        if (
            module is None
            or target.name is None
            or Unit(target.module, target.name) in self.reached
        ):
            return []
        unit = Unit(target.module, target.name)
        if waiting := self._waiting.pop(unit, None):
            return self._take(module, unit, [waiting])
        node = module.definitions.get(target.name)
        changes = module.statements.get(target.name, [])
        found = self._registered(module)
        if node and changes:  # defined, and handed to something when the module is imported
            found += self._take(module, Unit(unit.module, f"{unit.name}@changed"), changes)
        if isinstance(node, ast.ClassDef):
            return found + self._take_class(module, unit, node)
        return found + self._take(module, unit, [node] if node else changes)

    def _take(self, module: Module, unit: Unit, nodes: list[ast.stmt]) -> list[Target]:
        names = _names(nodes)
        self.reached[unit] = normal_form(nodes, names.local)
        return self._references(module, nodes, names.outer)

    def _take_class(self, module: Module, unit: Unit, node: ast.ClassDef) -> list[Target]:
        """The head of a class (bases, fields, what Python calls itself); its methods wait."""
        foreign = self._has_foreign_base(module, node)
        found: list[Target] = []
        head: list[ast.stmt] = []
        for part in without_docstrings(node.body):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                method = Unit(unit.module, f"{unit.name}.{part.name}{_role(part)}")
                self._waiting[method] = part
                if foreign or _called_by_others(part):
                    found.append(Target(method.module, method.name))
            else:
                head.append(part)
        self.reached[unit] = normal_form([*node.decorator_list, *node.bases, *node.keywords, *head])
        outer = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        around = [*node.decorator_list, *node.bases, *(k.value for k in node.keywords), *head]
        return found + self._references(module, around, outer)

    def _has_foreign_base(self, module: Module, node: ast.ClassDef) -> bool:
        """Whether code outside may call this class's methods: a base of another library."""
        for base in node.bases:
            root = base.value if isinstance(base, ast.Subscript) else base
            if ast.unparse(root) in ("Generic", "Protocol", "object", "Enum", "ABC"):
                continue
            if not self._targets(module, root):
                return True
            target = self._targets(module, root)[-1]
            above = self.package.module(target.module)
            parent = above.definitions.get(target.name or "") if above else None
            if above and isinstance(parent, ast.ClassDef) and self._has_foreign_base(above, parent):
                return True
        return False

    def _registered(self, module: Module) -> list[Target]:
        """What decorators of the package's own do to a module's names when it is imported."""
        return [
            Target(module.name, name)
            for name, node in module.definitions.items()
            if any(self._targets(module, _called(d)) for d in node.decorator_list)
        ]

    def _references(
        self, module: Module, nodes: Iterable[ast.AST], outer: Container[str]
    ) -> list[Target]:
        """The package's names that code mentions; notes the attributes it asks for."""
        found: list[Target] = []
        inside = [child for node in nodes for child in ast.walk(node)]
        local = module.imports_of([n for n in inside if isinstance(n, ast.Import | ast.ImportFrom)])
        for node in inside:
            if isinstance(node, ast.Attribute):
                self._attributes.add(node.attr)
                if (root := _root_name(node)) in outer or root in local:
                    found += self._targets(module, node, local)
            elif isinstance(node, ast.Name) and (node.id in outer or node.id in local):
                found += self._targets(module, node, local)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found += self._quoted(node.value)
            self._by_computed_name |= _asks_by_computed_name(node)
        return found

    def _quoted(self, text: str) -> list[Target]:
        """A function named as `package.module:name`."""
        match = _REFERENCE.fullmatch(text)
        if not match or not self.package.module(match[1]):
            return []
        target = self.package.resolve(match[1], match[2])
        return [target] if target else []

    def _targets(
        self, module: Module, node: ast.AST, local: dict[str, Target] | None = None
    ) -> list[Target]:
        """What a name or a dotted name stands for, and the modules' names on the way there."""
        if isinstance(node, ast.Name):
            imported = (local or {}).get(node.id)
            if imported is None:
                target = self.package.resolve(module.name, node.id)
            elif imported.name is None:
                target = imported if self.package.module(imported.module) else None
            else:
                target = self.package.resolve(imported.module, imported.name)
            return [target] if target else []
        if isinstance(node, ast.Attribute):
            before = self._targets(module, node.value, local)
            if before and before[-1].name is None:
                after = self.package.resolve(before[-1].module, node.attr)
                return [after] if after else []
        return []

    def _called(self) -> list[Target]:
        """Methods that waited and whose name was asked for since."""
        return [
            Target(unit.module, unit.name)
            for unit in self._waiting
            if self._by_computed_name or unit.name.split(".")[-1].split("@")[0] in self._attributes
        ]


def closure(roots: Iterable[str], package: Package) -> Closure:
    """Walk the code that some functions and classes reach.

    Args:
        roots: `package.module:name` each.

    Raises:
        StoreError: there is no such function or class.
    """
    found = Closure(package)
    for root in roots:
        module, _, name = root.partition(":")
        here = package.module(module)
        if here is None or name not in here.definitions:
            raise StoreError(f"there is no function or class {root} in {package.root}")
        found.add(Target(module, name))
    return found


def _names(nodes: list[ast.stmt]) -> Names:
    if len(nodes) == 1 and isinstance(nodes[0], ast.FunctionDef | ast.AsyncFunctionDef):
        return names_of(nodes[0])
    mentioned = {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}
    return Names(frozenset(), frozenset(mentioned))


def _called_by_others(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether Python or a decorator may call the method without naming it."""
    names = {ast.unparse(_called(d)).split(".")[-1] for d in method.decorator_list}
    return method.name.startswith("__") or bool(names - _PLAIN_DECORATORS - {"setter"})


def _role(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Tell a property's setter from its getter."""
    return (
        "@setter" if any(ast.unparse(d).endswith(".setter") for d in method.decorator_list) else ""
    )


def _root_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _asks_by_computed_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    if node.func.id not in _BY_COMPUTED_NAME:
        return False
    return node.func.id != "getattr" or not isinstance(node.args[1], ast.Constant)
