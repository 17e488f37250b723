"""A misbehaving server, and a release of two scans."""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.data.acquisition.fake_release import make_release
from tests.data.acquisition.served import Page, Served, running


@pytest.fixture
def server() -> Iterator[Served]:
    with running() as served:
        yield served


@pytest.fixture
def page() -> type[Page]:
    return Page


@pytest.fixture(scope="session")
def long_ago() -> str:
    return formatdate(1_000_000_000, usegmt=True)


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    """A folder with two scans in the release's layout; not to be changed."""
    return make_release(tmp_path_factory.mktemp("release"))
