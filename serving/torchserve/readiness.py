"""Readiness of a container's TorchServe, and the HTTP server of /live and /ready.

Two endpoints on port 8090 (serving/torchserve/ports.py) report health as JSON:

    GET /live   200 {"status": "live"}    TorchServe runs
    GET /ready  200 {"status": "ready", "models": ["mnist"], "canaries": {"mnist": {"version": "2.0", "percent": 10}}}
                                          every model answered its sample as expected; `models` are those for gateways;
                                          a canary gets `percent` (1 to 99) of the requests that name no version
                503 {"error": "…"}        not ready, and the reason

/ready is an interface: the gateway reads it every second (docker/gateway/discover-upstreams) and splits requests by
`canaries` (serving/deployment/canary.py). Keys may be added; these must stay.
"""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from model.config import ModelConfig
from serving.client import Client, ServiceError
from serving.deployment.canary import running_canaries
from serving.torchserve.ports import HEALTH_PORT
from serving.torchserve.process import TorchServe
from serving.torchserve.samples import wrong_answer


class Readiness:
    """Decides whether this server should get requests."""

    def __init__(self, server: TorchServe) -> None:
        self._server = server
        self.models = server.model_configs
        self.is_stopping = False
        self._answered: set[str] = set()

    def not_ready_reason(self) -> str | None:
        """Send all models their samples at once. Returns None when all responses are right, else one sentence."""
        if self.is_stopping:
            return "stopping"
        with ThreadPoolExecutor(max(1, len(self.models))) as pool:
            return next(filter(None, pool.map(self._not_ready_reason, self.models)), None)

    def status(self) -> dict[str, Any]:
        """Return what /ready says of a server that is ready."""
        with self._client(timeout_s=1) as client:
            canaries = running_canaries(self._server.store, client)
        return {"models": [model.name for model in self.models if model.gateway], "canaries": canaries}

    def _not_ready_reason(self, model: ModelConfig) -> str | None:
        with self._client(timeout_s=4) as client:  # gateways wait 5 s
            try:
                reason = wrong_answer(client, model)
            except ServiceError as error:
                is_busy = model.name in self._answered and error.status == 503 and self._server.is_ready(client)
                return None if is_busy else str(error)  # a full queue is load, not a failure
        self._answered.add(model.name)
        return reason

    def _client(self, timeout_s: float) -> Client:
        return Client(self._server.inference, self._server.management, timeout_s, retries=0, is_probe=True)


def start_health_server(readiness: Readiness, port: int = HEALTH_PORT) -> ThreadingHTTPServer:
    """Answer /live and /ready at `port` (0: any free one) in the background."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/live", "/ready"):
                return self.send_error(404)
            is_ready = self.path == "/ready"
            reason = readiness.not_ready_reason() if is_ready else None
            status = {"status": self.path[1:], **(readiness.status() if is_ready else {})}
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

    health = ThreadingHTTPServer(("", port), Health)
    threading.Thread(target=health.serve_forever, daemon=True).start()
    return health
