"""What a grid leaves in Prefect's pages."""

import io
import socket
from dataclasses import replace

import httpx
import pytest
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.types.names import ArtifactKey
from pydantic import TypeAdapter
from rich.console import Console

import flows.live.artefacts
from flows.errors import explained
from flows.live.artefacts import _key, show_progress
from hcfres.config.names import require_name
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import small_plan


@pytest.mark.parametrize("name", ["table5_v1.1", "a+b", "Rooms_8.5-x", "0", "a__b"])
def test_whatever_may_be_a_name_gives_a_key_that_prefect_takes(name, tmp_path):
    plan = small_plan(Workspace(tmp_path))
    plan = replace(plan, experiment=replace(plan.experiment, name=require_name(name)))
    key = TypeAdapter(ArtifactKey).validate_python(f"{_key(plan)}-progress")
    assert key.endswith("-smoke-progress")


@pytest.fixture
def ask_nobody():
    """Ask a server that is gone, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    def ask(*_):
        httpx.get(f"http://127.0.0.1:{port}/api/health")

    return ask


def test_trainings_go_on_where_prefects_server_is_gone(tmp_path, monkeypatch, ask_nobody):
    monkeypatch.setattr(flows.live.artefacts, "create_progress_artifact", lambda *_: None)
    monkeypatch.setattr(flows.live.artefacts, "update_progress_artifact", ask_nobody)
    advance = show_progress(small_plan(Workspace(tmp_path), seeds=(1,)))
    for _ in range(4):
        advance()


_ASKED = httpx.Request("PATCH", "http://127.0.0.1/api/artifacts/1")


@pytest.mark.parametrize(
    "error",
    [
        PrefectHTTPStatusError("full", request=_ASKED, response=httpx.Response(500)),
        ObjectNotFound(PrefectHTTPStatusError("?", request=_ASKED, response=httpx.Response(404))),
    ],
    ids=["refuses", "lost"],
)
def test_trainings_go_on_where_prefects_server_refuses_a_page(tmp_path, monkeypatch, error):
    asked = []

    def ask(*_):
        asked.append(error)
        raise error

    monkeypatch.setattr(flows.live.artefacts, "create_progress_artifact", lambda *_: None)
    monkeypatch.setattr(flows.live.artefacts, "update_progress_artifact", ask)
    advance = show_progress(small_plan(Workspace(tmp_path), seeds=(1,)))
    for _ in range(4):
        advance()
    assert asked


def test_a_server_that_fails_is_one_error_with_the_way_out_and_a_wrong_question_is_not():
    console = Console(file=io.StringIO(), width=500)
    failing = PrefectHTTPStatusError("500", request=_ASKED, response=httpx.Response(500))
    with pytest.raises(SystemExit) as ended, explained(console):
        raise failing
    assert ended.value.code == 2
    assert "run the same command" in console.file.getvalue()
    wrong = PrefectHTTPStatusError("422", request=_ASKED, response=httpx.Response(422))
    with pytest.raises(PrefectHTTPStatusError), explained(console):
        raise wrong


def test_a_server_that_stopped_answering_is_one_error_with_the_way_out(ask_nobody):
    console = Console(file=io.StringIO(), width=500)
    with pytest.raises(SystemExit) as ended, explained(console):
        ask_nobody()
    assert ended.value.code == 2
    said = console.file.getvalue()
    assert "a server stopped answering" in said and "run the same command" in said
