"""Readiness of a container's TorchServe, and the HTTP server of /live and /ready.

Two endpoints on port 8090 (serving/torchserve/ports.py) report health as JSON:

    GET /live   200 {"status": "live"}    TorchServe runs
    GET /ready  200 {"status": "ready"}   a real prediction was right
                200 {"status": "ready", "canary": {"version": "2.0", "percent": 10}}
                                          a canary gets `percent` (1 to 99) of the requests that name no version
                503 {"error": "…"}        not ready, and the reason

/ready is an interface: the gateway reads it every second (docker/gateway/discover-upstreams) and splits requests by
`canary` (serving/deployment/canary.py). Keys may be added; these must stay.
"""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.paths import ROOT
from serving.client import Client, ServiceError
from serving.deployment.canary import canary_status
from serving.torchserve.ports import HEALTH_PORT
from serving.torchserve.process import TorchServe

SAMPLE, DIGIT = ROOT / "model/mnist/samples/7.png", 7


class Readiness:
    """Decides whether this server should get requests."""

    def __init__(self, server: TorchServe) -> None:
        self._server = server
        self.is_stopping = False
        self.has_answered = False

    def not_ready_reason(self) -> str | None:
        """Send a sample for prediction. Returns None when the response is right, else one sentence."""
        if self.is_stopping:
            return "stopping"
        with Client(self._server.inference, self._server.management, timeout_s=4, retries=0, is_probe=True) as client:
            try:
                digit = client.predict(SAMPLE).digit
            except ServiceError as error:
                is_busy = self.has_answered and error.status == 503 and self._server.is_ready(client)
                return None if is_busy else str(error)  # a full queue is load, not a failure
        self.has_answered = True
        return None if digit == DIGIT else f"{SAMPLE.name} was predicted as {digit}"

    def canary(self) -> dict[str, Any]:
        """Return the canary of /ready, or {}."""
        with Client(self._server.inference, self._server.management, timeout_s=1, retries=0) as client:
            return canary_status(self._server.store, client)


def start_health_server(readiness: Readiness) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/live", "/ready"):
                return self.send_error(404)
            is_ready = self.path == "/ready"
            reason = readiness.not_ready_reason() if is_ready else None
            status = {"status": self.path[1:], **(readiness.canary() if is_ready else {})}
            body = json.dumps({"error": reason} if reason else status).encode()
            self.send_response(503 if reason else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(ConnectionError):  # the client disconnected
                self.end_headers()
                self.wfile.write(body)
            return None

        def log_message(self, *_: Any) -> None:
            """Log nothing: there is a request every second."""

    health = ThreadingHTTPServer(("", HEALTH_PORT), Health)
    threading.Thread(target=health.serve_forever, daemon=True).start()
