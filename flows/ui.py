"""MLflow's own pages on what was logged."""

import socket
import subprocess
import sys
import time

from rich.console import Console

from flows.tracking import EXPERIMENT, Tracker, chart_link, tracking_uri
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace, home

_LOOK_AGAIN_S = 0.3


def serve(port: int, console: Console) -> None:
    """Serve MLflow on 127.0.0.1 until interrupted.

    Raises:
        DataError: nothing was logged yet, or the port is taken.
    """
    workspace = Workspace(home())
    if not (workspace.root / "mlflow.db").exists():
        raise DataError(
            workspace.root / "mlflow.db",
            "nothing was logged in this workspace yet",
            "Run `make paper`, or set HCFRES_HOME to the workspace you mean",
        )
    refuse_taken(port)
    link = chart_link(port, Tracker(workspace).experiment_id)
    console.print("MLflow is starting ...")
    with subprocess.Popen(_command(port, workspace)) as server:
        try:
            if _answers(server, port):
                console.print(f"The cells of every grid of '{EXPERIMENT}', with charts:")
                console.print(f"  {link}", soft_wrap=True, highlight=False)
                console.print("Ctrl-C ends it.")
            server.wait()
        except KeyboardInterrupt:
            server.terminate()


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


def _command(port: int, workspace: Workspace) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", tracking_uri(workspace),
        "--default-artifact-root", (workspace.root / "mlartifacts").resolve().as_uri(),
    ]  # fmt: skip
