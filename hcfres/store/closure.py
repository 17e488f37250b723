"""The code a function reaches within its package and those beside, and a fingerprint of it.

Read from the sources, nothing is imported. The walk errs on the side of too much: a method is
reached when its class is and anything reached asks some object for an attribute of its name.
What it cannot see: other libraries, data files, and attributes asked for by a computed name, which
therefore reaches every method of every class reached.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hcfres.store.errors import StoreError
from hcfres.store.modules import Module, Package, Target
from hcfres.store.normal_form import without_docstrings
from hcfres.store.usage import usage

DIGITS = 16
_REFERENCE = re.compile(r"(\w+(?:\.\w+)+):(\w+)")
_PLAIN_BASES = {"Generic", "Protocol", "object", "Enum", "ABC"}
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
    _modules: set[str] = field(default_factory=set)
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
            return self._take(module, unit, (waiting,))
        node = module.definitions.get(target.name)
        changes = tuple(module.statements.get(target.name, ()))
        found = self._registered(module)
        if node and changes:  # defined, and handed to something when the module is imported
            found += self._take(module, Unit(unit.module, f"{unit.name}@changed"), changes)
        if isinstance(node, ast.ClassDef):
            return found + self._take_class(module, unit, node)
        return found + self._take(module, unit, (node,) if node else changes)

    def _take_class(self, module: Module, unit: Unit, node: ast.ClassDef) -> list[Target]:
        """The head of a class (bases, fields, what Python calls itself); its methods wait."""
        foreign = self._has_foreign_base(module, node)
        found: list[Target] = []
        head: list[ast.AST] = [*node.decorator_list, *node.bases, *node.keywords]
        for part in without_docstrings(node.body):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                method = Unit(unit.module, f"{unit.name}.{part.name}{_role(part)}")
                self._waiting[method] = part
                if foreign or _called_by_others(part):
                    found.append(Target(method.module, method.name))
            else:
                head.append(part)
        return found + self._take(module, unit, tuple(head))

    def _take(self, module: Module, unit: Unit, nodes: tuple[ast.AST, ...]) -> list[Target]:
        """Keep the form of some code; what it mentions is to be visited."""
        used = usage(module, nodes)
        self.reached[unit] = used.form
        self._attributes |= used.attributes
        self._by_computed_name |= used.by_computed_name
        found = [self._target(module, dotted, used.imports) for dotted in used.mentions]
        found += [self._quoted(text) for text in used.texts]
        return [target for target in found if target]

    def _has_foreign_base(self, module: Module, node: ast.ClassDef) -> bool:
        """Whether code outside may call this class's methods: a base of another library."""
        for base in node.bases:
            root = base.value if isinstance(base, ast.Subscript) else base
            if ast.unparse(root) in _PLAIN_BASES:
                continue
            target = self._target(module, tuple(ast.unparse(root).split(".")))
            above = self.package.module(target.module) if target else None
            parent = above.definitions.get(target.name or "") if above and target else None
            if above is None or not isinstance(parent, ast.ClassDef):
                return True
            if self._has_foreign_base(above, parent):
                return True
        return False

    def _registered(self, module: Module) -> list[Target]:
        """Names that decorators of the package's own are given when a module is imported."""
        if module.name in self._modules:
            return []
        self._modules.add(module.name)
        return [
            Target(module.name, name)
            for name, node in module.definitions.items()
            if any(self._target(module, _called(d)) for d in node.decorator_list)
        ]

    def _quoted(self, text: str) -> Target | None:
        """A function named as `package.module:name`."""
        match = _REFERENCE.fullmatch(text)
        if not match or not self.package.module(match[1]):
            return None
        return self.package.resolve(match[1], match[2])

    def _target(
        self, module: Module, dotted: tuple[str, ...], imports: Mapping[str, Target] | None = None
    ) -> Target | None:
        """The package's name that a name or a dotted name stands for; None if it is another's."""
        first, *rest = dotted
        found = (imports or {}).get(first) or self.package.resolve(module.name, first)
        if found and found.name is not None and first in (imports or {}):
            found = self.package.resolve(found.module, found.name)
        for name in rest:
            if found is None or found.name is not None or not self.package.module(found.module):
                return found
            found = self.package.resolve(found.module, name)
        return found if found and self.package.module(found.module) else None

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


def _called_by_others(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether Python or a decorator may call the method without naming it."""
    names = {_called(d)[-1] for d in method.decorator_list}
    return method.name.startswith("__") or bool(names - _PLAIN_DECORATORS - {"setter"})


def _role(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Tell a property's setter from its getter."""
    return (
        "@setter" if any(ast.unparse(d).endswith(".setter") for d in method.decorator_list) else ""
    )


def _called(decorator: ast.expr) -> tuple[str, ...]:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return tuple(ast.unparse(named).split("."))
