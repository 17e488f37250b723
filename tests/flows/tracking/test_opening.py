"""A store that answers, and is none to work with."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.tracking.tracker import Tracker
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace


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
