"""A store that answers, and is none to work with."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.places import ROOT
from flows.tracking.tracker import Tracker
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace

SLOW = pytest.mark.slow


class _OnlyHealthy(BaseHTTPRequestHandler):
    """As MLflow under a name that it was not told, or behind a proxy that wants a password."""

    def do_GET(self):
        if self.path == "/health":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"OK")
        else:
            self.send_error(403, "Invalid Host header")

    def log_message(self, *_):
        pass


def test_a_server_that_is_healthy_and_refuses_is_one_error_with_the_ways_out(tmp_path, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), _OnlyHealthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HCFRES_TRACKING", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(StoreError, match=r"(?s)refuses.*403.*PASSWORD.*MLFLOW_HOSTS"):
            Tracker(Workspace(tmp_path))
        server.shutdown()


OPENS = """
import sys
from pathlib import Path
from flows.tracking.tracker import Tracker
from hcfres.store.workspace import Workspace
Tracker(Workspace(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("seconds", [0.2, *(pytest.param(s, marks=SLOW) for s in (0.0, 0.5, 1.0))])
def test_who_is_killed_while_it_makes_the_tables_leaves_nothing_in_the_way(tmp_path, seconds):
    process = subprocess.Popen([sys.executable, "-c", OPENS, str(tmp_path)], cwd=ROOT)
    while not any(tmp_path.glob("mlflow.db*")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    process.kill()
    process.wait()
    tracker = Tracker(Workspace(tmp_path))
    tracker.run(tmp_path / "cells" / "one", "cell", "cell").end()
    assert not list(tmp_path.glob("mlflow.db.*"))
