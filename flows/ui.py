"""MLflow's own pages on what was logged."""

import os
import socket
import subprocess
import sys
import time

from rich.console import Console

from flows.tracking.opening import EXPERIMENT
from flows.tracking.store import DATABASE, TrackingStore, tracking_store
from flows.tracking.tracker import Tracker, chart_link
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace, home

_LOOK_AGAIN_S = 0.3


def serve(port: int, console: Console) -> None:
    """Serve MLflow on 127.0.0.1 until interrupted; where a server is used, say where its page is.

    Raises:
        DataError: nothing was logged yet, or the port is taken.
    """
    workspace = Workspace(home())
    store = tracking_store(workspace)
    if store.kind == "server":
        _show(store.uri, Tracker(workspace).experiment_id, console)
        return
    if store.kind == "embedded" and not (workspace.root / DATABASE).exists():
        raise DataError(
            workspace.root / DATABASE,
            "nothing was logged in this workspace yet",
            "Run `make paper`, or set HCFRES_HOME to the workspace you mean",
        )
    refuse_taken(port)
    experiment_id = Tracker(workspace).experiment_id
    console.print("MLflow is starting ...")
    hidden = {"MLFLOW_BACKEND_STORE_URI": store.uri}  # a command line is seen by everybody
    with subprocess.Popen(_command(port, store), env=os.environ | hidden) as server:
        try:
            if _answers(server, port):
                _show(f"http://127.0.0.1:{port}", experiment_id, console)
                console.print("Ctrl-C ends it.")
            server.wait()
        except KeyboardInterrupt:
            server.terminate()


def _show(server: str, experiment_id: str, console: Console) -> None:
    console.print(f"The cells of every grid of '{EXPERIMENT}', with charts:")
    console.print(f"  {chart_link(server, experiment_id)}", soft_wrap=True, highlight=False)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server listens; False where it ended instead."""
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(_LOOK_AGAIN_S)
    return False


def refuse_taken(port: int) -> None:
    """Refuse a port that something listens on.

    Raises:
        DataError: naming the port and the way out.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DataError(
                "127.0.0.1", f"port {port} is in use", "Choose another with --port"
            ) from None


def _command(port: int, store: TrackingStore) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--default-artifact-root", store.artefacts,
    ]  # fmt: skip
