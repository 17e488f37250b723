from pathlib import Path
from textwrap import dedent

import pytest

from hcfres.store.closure import closure
from hcfres.store.errors import StoreError
from tests.store.mutants import write_package

MAIN = """
import math
from toy import helpers
from toy.helpers import double as twice, Shape
import toy.deep

SCALE = 3

def main(value, *, power=2):
    total = twice(value) * SCALE
    for number in range(power):
        total += helpers.shift(number)
    shape = Shape(total)
    return shape.area() + toy.deep.FACTOR

def unrelated():
    return helpers.unused()
"""
HELPERS = """
from numba import njit
from dataclasses import dataclass

OFFSET = 1
TABLE = {"a": 1}
TABLE["b"] = 2
TABLE.update(c=3)

def double(x):
    return x + x

@njit(cache=True)
def shift(x):
    return x + OFFSET + TABLE["a"]

def unused():
    return 0

@dataclass(frozen=True)
class Shape:
    side: float
    colour: str = "red"

    def area(self):
        return self._squared()

    def _squared(self):
        return self.side ** 2

    @property
    def never_asked_for(self):
        return 5

    def __post_init__(self):
        assert self.side > 0
"""
DEEP = "FACTOR = 7\nOTHER = 8\n"


def _print(folder: Path, old: str = "", new: str = "", root: str = "toy.main:main") -> str:
    sources = [MAIN, HELPERS, DEEP]
    if old:
        assert sum(old in source for source in sources) == 1, old
    main, helpers, deep = (source.replace(old, new) if old else source for source in sources)
    number = len(list(folder.iterdir()))
    package = write_package(folder / str(number), main=main, helpers=helpers, deep=deep)
    return closure((root,), package).fingerprint()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 3", "SCALE = 4"),
        ("power=2", "power=3"),
        ("x + x", "x - x"),
        ("OFFSET = 1", "OFFSET = 2"),
        ('{"a": 1}', '{"a": 9}'),
        ('TABLE["b"] = 2', 'TABLE["b"] = 9'),
        ("TABLE.update(c=3)", "TABLE.update(c=9)"),
        ("cache=True", "cache=True, fastmath=True"),
        ("self.side ** 2", "self.side ** 3"),
        ("side: float", "size: float"),
        ('"red"', '"blue"'),
        ("self.side > 0", "self.side >= 0"),
        ("FACTOR = 7", "FACTOR = 8"),
        ("frozen=True", "frozen=False"),
        ("range(power)", "range(1 + power)"),
        ("def main(value, *, power=2)", "def main(power, *, value=2)"),
    ],
)
def test_a_change_in_anything_reached_changes_the_fingerprint(
    tmp_path: Path, old: str, new: str
) -> None:
    assert _print(tmp_path) != _print(tmp_path, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 3", "SCALE = 3  # three"),
        ("    total = twice", '    """What it does."""\n\n    total = twice'),
        ("def double(x):", "def double(x: int) -> int:"),
        ("return 0", "return 1"),
        ("return 5", "return 6"),
        ("OTHER = 8", "OTHER = 9"),
        ("helpers.unused()", "helpers.unused() + 1"),
        ("import math", "import math, json"),
        (
            "    shape = Shape(total)\n    return shape.area()",
            "    s = Shape(total)\n    return s.area()",
        ),
        (
            "    for number in range(power):\n        total += helpers.shift(number)",
            "    for n in range(power):\n        total += helpers.shift(n)",
        ),
        ("SCALE = 3", "SCALE = 0x3"),
        ("def double", "def spare():\n    return double(1)\n\ndef double"),
        ("side: float", "side: int"),
    ],
)
def test_what_changes_no_result_leaves_it(tmp_path: Path, old: str, new: str) -> None:
    assert _print(tmp_path) == _print(tmp_path, old, new)


def _of(folder: Path, **sources: str) -> tuple[str, set[str]]:
    package = write_package(
        folder / str(len(list(folder.iterdir()))),
        **{name: dedent(text) for name, text in sources.items()},
    )
    found = closure(("toy.main:main",), package)
    return found.fingerprint(), {f"{unit.module}:{unit.name}" for unit in found.reached}


def test_names_are_followed_through_re_exports_and_relative_imports(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="""
        from toy import sub
        from .near import nearby
        def main(): return sub.there() + nearby()
        """,
        near="def nearby(): return 1",
        __init___of_sub="from toy.sub.inner import there",
        inner_of_sub="from ..near import nearby\ndef there(): return nearby()",
    )
    assert reached == {"toy.main:main", "toy.sub.inner:there", "toy.near:nearby"}


def test_imports_inside_functions_are_followed(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="def main():\n    from toy.near import far as f\n    return f()",
        near="def far(): return 1",
    )
    assert "toy.near:far" in reached


def test_a_local_name_hides_a_global_one(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="""
        def scale(): return 1
        def main():
            scale = 2
            return [scale for scale in range(scale)]
        """,
    )
    assert reached == {"toy.main:main"}


def test_renaming_cannot_make_two_globals_look_alike(tmp_path: Path) -> None:
    text = """
    A, B = 1, 2
    def main():
        def inner():
            A = 5
            return A
        return inner() + {}
    """
    first, _ = _of(tmp_path, main=text.format("A"))
    second, _ = _of(
        tmp_path, main=text.format("B").replace("A = 5", "B = 5").replace("return A", "return B")
    )
    assert first != second


def test_swapped_locals_are_seen(tmp_path: Path) -> None:
    first, _ = _of(tmp_path, main="def main(x, y):\n    a, b = x, y\n    return a - b")
    second, _ = _of(tmp_path, main="def main(x, y):\n    a, b = x, y\n    return b - a")
    third, _ = _of(tmp_path, main="def main(x, y):\n    b, a = x, y\n    return b - a")
    assert first == third != second


def test_methods_are_reached_by_their_name_on_any_object(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="""
        from toy.near import Base
        class Child(Base):
            def run(self): return self.step()
            def step(self): return 1
            def idle(self): return 0
        def main(thing: Child): return thing.run()
        """,
        near="class Base:\n    def step(self): return 0\n    def rest(self): return 1",
    )
    assert reached == {
        "toy.main:main",
        "toy.main:Child",
        "toy.main:Child.run",
        "toy.main:Child.step",
        "toy.near:Base",
        "toy.near:Base.step",
    }


def test_methods_that_another_library_calls_are_reached(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="""
        from torch import nn
        from pydantic import BaseModel, model_validator
        class Net(nn.Module):
            def forward(self, x): return x
        class Plain:
            @model_validator(mode="after")
            def check(self): return self
        def main(x): return Net()(x), Plain()
        """,
    )
    assert {"toy.main:Net.forward", "toy.main:Plain.check"} <= reached


def test_a_computed_attribute_reaches_every_method(tmp_path: Path) -> None:
    text = """
    class Tool:
        def saw(self): return 1
    def main(name): return getattr(Tool(), {})()
    """
    assert "toy.main:Tool.saw" in _of(tmp_path, main=text.format("name"))[1]
    assert "toy.main:Tool.saw" not in _of(tmp_path, main=text.format('"nail"'))[1]


def test_what_a_decorator_registers_is_reached(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main="""
        CHOICES = {}
        def register(name):
            def put(function):
                CHOICES[name] = function
                return function
            return put
        @register("mean")
        def mean(x): return x
        def main(name): return CHOICES[name](1)
        """,
    )
    assert "toy.main:mean" in reached


def test_code_named_in_a_text_is_reached(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path,
        main='WHICH = "toy.near:far"\ndef main(): return WHICH',
        near="def far(): return 1",
    )
    assert "toy.near:far" in reached


def test_recursion_ends(tmp_path: Path) -> None:
    _, reached = _of(
        tmp_path, main="def main(n): return other(n)\ndef other(n): return main(n - 1)"
    )
    assert reached == {"toy.main:main", "toy.main:other"}


def test_an_unknown_root_is_refused(tmp_path: Path) -> None:
    package = write_package(tmp_path, main="def main(): pass")
    for root in ("toy.main:other", "toy.none:main", "toy.main", "json:loads"):
        with pytest.raises(StoreError, match="there is no function or class"):
            closure((root,), package)
