"""Fixtures of every test: one thread, and the folders of files this project did not write.

The summary names what was left out and why, with several processes too.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
WHY_LEFT_OUT = {
    "slow": "too slow for every commit; `make test-long` runs them",
    "gpu": "need a CUDA device; `pytest -m gpu` runs them",
    "data": "need real datasets or published weights; `pytest -m data` runs them",
}
_LEFT_OUT = pytest.StashKey[Counter]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_LEFT_OUT] = Counter()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what a marker expression leaves out, by its marker."""
    for item in items:
        kinds = [name for name in WHY_LEFT_OUT if item.get_closest_marker(name)]
        item.config.stash[_LEFT_OUT].update(kinds)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one, where there is one."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = dict(session.config.stash[_LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every process collects the same tests: the last one's counts stand for all."""
    told = getattr(node, "workeroutput", {})
    node.config.stash[_LEFT_OUT] = Counter(told.get("left_out", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what was not run."""
    for kind, count in sorted(config.stash[_LEFT_OUT].items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests marked {kind}: {WHY_LEFT_OUT[kind]}")


def _folder(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"{path} is not here: it holds files this project did not write")
    return path


@pytest.fixture(scope="session")
def samples() -> Path:
    """Sample files written by others."""
    return _folder("samples")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Numbers computed by the ancestors' public code."""
    return _folder("golden")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
