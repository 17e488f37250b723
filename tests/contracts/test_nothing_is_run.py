"""Nothing that is read from a file is run: not from a shared store, nor from anywhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("hcfres", "flows") for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN = {
    "eval", "exec", "compile", "__import__",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads",
    "shelve.open", "joblib.load", "dill.load", "dill.loads", "cloudpickle.load", "yaml.load",
    "torch.jit.load", "torch.package.PackageImporter", "os.system", "os.popen", "runpy.run_path",
}  # fmt: skip
KNOWN = {("hcfres/semantics/weights.py", "torch.jit.load")}
"""OpenAI publishes CLIP as TorchScript alone: the one file that a person has to trust."""
GUARDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
"""Calls that run nothing where this keyword has this value, written out."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a plain or dotted name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)).isprintable():
            yield name, node


def said(call: ast.Call, keyword: str) -> object:
    """The constant that a call gives a keyword; None where it gives none."""
    found = [one.value for one in call.keywords if one.arg == keyword]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_call_could_run_what_a_file_holds(path: Path) -> None:
    for name, call in calls(path):
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        if (path.relative_to(ROOT).as_posix(), name) not in KNOWN:
            assert name not in FORBIDDEN, f"{where} calls {name}"
        assert said(call, "shell") is not True, f"{where}: {name} asks a shell"
        if name in GUARDED:
            keyword, value = GUARDED[name]
            assert said(call, keyword) is value, f"{where}: {name} without {keyword}={value}"


def test_the_check_finds_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("torch.load(f)\ntorch.load(f, weights_only=True)\nnetwork.eval()\neval('1')\n")
    found = list(calls(path))
    assert [name for name, _ in found] == ["torch.load", "torch.load", "network.eval", "eval"]
    assert [said(call, "weights_only") for _, call in found[:2]] == [None, True]
