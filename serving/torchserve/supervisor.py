"""PID 1 of the container: TorchServe, whether it is ready, and an orderly end.

python -m serving.torchserve.supervisor

http://…:8090/live says whether TorchServe runs; /ready whether it answers a real prediction right, and which version
gateways give which share (serving/deployment/canary.py). SIGTERM turns
/ready to 503 at once, so that gateways send no more; when their connections are closed, and all that was asked is
answered, TorchServe ends. It has no such end of its own: on SIGTERM it drops what it is doing. Where TorchServe ends by
itself, it is started anew; within ten seconds of its start, the container ends, for its restart policy to act.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import psutil

from common.paths import ROOT
from serving.client import Client, ServiceError
from serving.deployment import canary
from serving.deployment.canary import HEALTH_PORT
from serving.torchserve.preflight import ServerError
from serving.torchserve.process import TorchServe

LOG = Path("/tmp/torchserve.log")  # noqa: S108 - the container's own
MAX_LOG_BYTES = 8 << 20  # of memory: /tmp is a tmpfs
NOTICE_S = 2.0  # gateways ask /ready every second
DRAIN_TIMEOUT_S = 20.0  # less than compose's stop_grace_period
PROVEN_S = 10.0  # a TorchServe that lived for so long is started anew here, which is faster than a new container
SAMPLE, DIGIT = ROOT / "model/mnist/samples/7.png", 7


class Readiness:
    """Whether this server should get requests, and if not, why."""

    def __init__(self, server: TorchServe) -> None:
        self._server = server
        self.is_stopping = False
        self.has_answered = False

    def refusal(self) -> str | None:
        """Ask for a prediction. Returns None when it was right."""
        if self.is_stopping:
            return "stopping"
        with Client(self._server.inference, self._server.management, timeout_s=4, retries=0, is_probe=True) as client:
            try:
                digit = client.predict(SAMPLE).digit
            except ServiceError as error:
                is_busy = self.has_answered and error.status == 503 and self._server.is_ready(client)
                return None if is_busy else str(error)  # a full queue is no reason to send the rest elsewhere
        self.has_answered = True
        return None if digit == DIGIT else f"{SAMPLE.name} was taken for a {digit}"

    def canary(self) -> dict[str, Any]:
        with Client(self._server.inference, self._server.management, timeout_s=1, retries=0) as client:
            return canary.announced(self._server.store, client)


def main() -> int:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        with TorchServe(ROOT / "config.properties", LOG) as server:
            readiness = Readiness(server)
            _start_health(readiness)
            threading.Thread(target=_relay, args=(LOG,), daemon=True).start()
            try:
                return _run(server, readiness)
            except SystemExit:
                readiness.is_stopping = True
                _drain(urlsplit(server.inference).port)
                return 0
    except (ServerError, ServiceError, OSError) as error:
        _say("error", str(error))
        return 1


def _run(server: TorchServe, readiness: Readiness) -> int:
    """Serve until TorchServe ends by itself soon after its start, which is an error whatever its exit code."""
    while True:
        began = time.monotonic()
        _check_ready(server, readiness)
        code = server.wait()
        _say("error", f"TorchServe ended by itself, with {code}")
        if time.monotonic() - began < PROVEN_S:
            return code or 1
        server.restart()


def _check_ready(server: TorchServe, readiness: Readiness) -> None:
    """Wait until TorchServe predicts, on the device that was asked for. Raises ServerError."""
    began = time.monotonic()
    server.wait_ready()
    with Client(server.inference, server.management) as client:
        device = client.describe(customized=True)["customizedMetadata"]["device"]
    if os.environ.get("SERVING_REQUIRE_GPU") and not device.startswith("cuda"):
        raise ServerError(f"a GPU was asked for, and the model is on {device}; is the NVIDIA container toolkit there?")
    if refusal := readiness.refusal():
        raise ServerError(f"TorchServe does not predict: {refusal}")
    _say("info", f"ready on {device} after {time.monotonic() - began:.1f} s")


def _drain(port: int | None) -> None:
    """Return when nobody is connected any more: gateways close their connections once all is answered."""
    _say("info", "stopping: waiting for requests to be answered")
    began = time.monotonic()
    while (waited := time.monotonic() - began) < NOTICE_S or (_is_connected(port) and waited < DRAIN_TIMEOUT_S):
        time.sleep(0.1)
    _say("info", f"stopped after {waited:.1f} s")


def _is_connected(port: int | None) -> bool:
    """Say whether others than this container's own processes are connected to `port`."""
    return any(
        c.status == psutil.CONN_ESTABLISHED and c.laddr[1] == port and c.raddr[0] not in ("127.0.0.1", c.laddr[0])
        for c in psutil.net_connections("tcp")
        if c.laddr and c.raddr
    )


def _start_health(readiness: Readiness) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/live", "/ready"):
                return self.send_error(404)
            is_ready = self.path == "/ready"
            refusal = readiness.refusal() if is_ready else None
            status = {"status": self.path[1:], **(readiness.canary() if is_ready else {})}
            body = json.dumps({"error": refusal} if refusal else status).encode()
            self.send_response(503 if refusal else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(ConnectionError):  # whoever asked has gone
                self.end_headers()
                self.wfile.write(body)
            return None

        def log_message(self, *_: Any) -> None:
            """Say nothing: it is asked every second."""

    health = ThreadingHTTPServer(("", HEALTH_PORT), Health)
    threading.Thread(target=health.serve_forever, daemon=True).start()


def _relay(log: Path) -> None:
    """Copy the log, which TorchServe's starter needs as a file, to stdout, where containers log; empty it when long.

    What is written between the last read and the emptying, a few microseconds in 8 MiB, is lost.
    """
    with log.open("r+b", buffering=0) as file:
        while True:
            if text := file.read(1 << 16):
                sys.stdout.buffer.write(text)
                sys.stdout.buffer.flush()
            elif file.tell() > MAX_LOG_BYTES:
                file.truncate(0)
                file.seek(0)
            else:
                time.sleep(0.2)


def _say(level: str, message: str) -> None:
    if os.environ.get("SERVING_LOG_FORMAT") == "json":
        print(json.dumps({"time": time.strftime("%FT%TZ", time.gmtime()), "level": level, "message": message}))
    else:
        print(f"{level}: {message}", flush=True)


def _end(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
