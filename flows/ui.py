"""MLflow's own pages on what was logged."""

import errno
import os
import socket
import subprocess
import sys
import time

from rich.console import Console

from flows.tracking.embedded import in_use
from flows.tracking.opening import EXPERIMENT
from flows.tracking.store import DATABASE, TrackingStore, tracking_store
from flows.tracking.tracker import Tracker, chart_link
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace, home

_LOOK_AGAIN_S = 0.3
_HOST = "127.0.0.1"
_PORTS = range(1, 65536)
"""Those that can be named; 0 would be one that nobody knows beforehand."""


def serve(port: int, console: Console) -> None:
    """Serve MLflow on 127.0.0.1 until interrupted; where a server is used, say where its page is.

    Raises:
        DataError: nothing was logged yet, or the port cannot be had.
    """
    _require_port(port)
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
    with in_use(workspace):
        _serve(port, workspace, store, console)


def _serve(port: int, workspace: Workspace, store: TrackingStore, console: Console) -> None:
    experiment_id = Tracker(workspace).experiment_id
    console.print("MLflow is starting ...")
    hidden = {"MLFLOW_BACKEND_STORE_URI": store.uri}  # a command line is seen by everybody
    with subprocess.Popen(_command(port, store), env=os.environ | hidden) as server:
        try:
            if _answers(server, port):
                _show(f"http://{_HOST}:{port}", experiment_id, console)
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
            if probe.connect_ex((_HOST, port)) == 0:
                return True
        time.sleep(_LOOK_AGAIN_S)
    return False


def refuse_taken(port: int) -> None:
    """Refuse a port that there is not, that something listens on, or that is not for everybody.

    Raises:
        DataError: naming the port and the way out.
    """
    _require_port(port)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except PermissionError:
            reason = f"port {port} may not be opened by this user"
            raise DataError(_HOST, reason, "Choose one from 1024 on with --port") from None
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is in use" if taken else f"cannot be opened ({error.strerror or error})"
            raise DataError(_HOST, f"port {port} {reason}", "Choose another with --port") from None


def _require_port(port: int) -> None:
    if port not in _PORTS:
        way_out = f"Choose one from {_PORTS[0]} to {_PORTS[-1]} with --port"
        raise DataError(_HOST, f"there is no port {port}", way_out)


def _command(port: int, store: TrackingStore) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", _HOST, "--port", str(port), "--workers", "1",
        "--default-artifact-root", store.artefacts,
    ]  # fmt: skip
