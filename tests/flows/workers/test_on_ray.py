"""Finding a Ray cluster, without starting one."""

import socket

import pytest

from flows.workers.on_ray import _address, find_cluster
from hcfres.config.loading import ConfigError

pytest.importorskip("ray", reason="Ray is not installed")


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


def noted(tmp_path, address):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(address)


def test_where_no_cluster_was_started_the_command_that_starts_one_is_named():
    with pytest.raises(ConfigError) as caught:
        find_cluster()
    told = str(caught.value)
    assert told.startswith(
        "--on ray: no cluster was started on this machine. Start one: `ray start"
    )


def test_a_cluster_that_is_gone_is_told_from_one_that_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        noted(tmp_path, address)
        assert find_cluster() == address
    with pytest.raises(ConfigError, match=f"last started here had {address}, and nobody answers"):
        find_cluster()


@pytest.mark.parametrize("address", ["local", "", "somewhere", "somewhere:port"])
def test_an_address_that_would_start_a_cluster_or_is_none_is_refused(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ConfigError, match=f"RAY_ADDRESS is {address}: give HOST:PORT"):
        find_cluster()


def test_only_a_cluster_of_several_machines_is_called_from_outside_loopback():
    nodes = [
        {"NodeManagerAddress": "10.0.0.1", "Alive": True},
        {"NodeManagerAddress": "10.0.0.2", "Alive": False},
    ]
    assert _address("10.0.0.1", nodes) == "127.0.0.1"
    nodes[1]["Alive"] = True
    assert _address("10.0.0.1", nodes) == "10.0.0.1"
