"""Fixtures of every test: one thread, and the folders of files this project did not write."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
