"""PID 1 of the container: runs TorchServe, reports its health, and shuts it down without losing a request.

python -m serving.torchserve.supervisor

serving/torchserve/readiness.py answers /live and /ready beside it.

On SIGTERM, /ready answers 503 at once, so that gateways send no more requests. Once their connections are closed and
all requests are answered, TorchServe stops; by itself it would drop the requests in progress. When TorchServe exits by
itself, it is restarted here; within 10 s of its start, the container exits instead, for its restart policy to act.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import psutil

from common.paths import ROOT
from serving.client import Client, ServiceError
from serving.torchserve.preflight import ServerError
from serving.torchserve.process import TorchServe
from serving.torchserve.readiness import Readiness, start_health_server

LOG = Path("/tmp/torchserve.log")  # noqa: S108 - no other user is in the container
MAX_LOG_BYTES = 8 << 20  # of memory: /tmp is a tmpfs
DRAIN_NOTICE_S = 2.0  # gateways ask /ready every second
DRAIN_TIMEOUT_S = 20.0  # shorter than compose's stop_grace_period
MIN_UPTIME_S = 10.0  # after this uptime TorchServe is restarted here, which is faster than a new container


def main() -> int:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with TorchServe(ROOT / "config.properties", LOG) as server:
            readiness = Readiness(server)
            start_health_server(readiness)
            threading.Thread(target=_tail_log, args=(LOG,), daemon=True).start()
            try:
                return _run(server, readiness)
            except SystemExit:
                readiness.is_stopping = True
                _drain(urlsplit(server.inference).port)
                return 0
    except (ServerError, ServiceError, OSError) as error:
        _log("error", str(error))
        return 1


def _run(server: TorchServe, readiness: Readiness) -> int:
    """Run TorchServe, restarting it when it exits. Returns an exit code above 0 when it exits soon after its start."""
    while True:
        began = time.monotonic()
        _check_ready(server, readiness)
        code = server.wait()
        _log("error", f"TorchServe exited by itself with code {code}")
        if time.monotonic() - began < MIN_UPTIME_S:
            return code or 1
        server.restart()


def _check_ready(server: TorchServe, readiness: Readiness) -> None:
    """Wait until every model predicts on the requested device. Raises ServerError."""
    began = time.monotonic()
    server.wait_ready()
    with Client(server.inference, server.management) as client:
        devices = {model.name: _device(client, model.name) for model in server.model_configs}
    for name, device in devices.items():
        if os.environ.get("SERVING_REQUIRE_GPU") and not device.startswith("cuda"):
            raise ServerError(
                f"SERVING_REQUIRE_GPU is set, and {name} is on {device}; is the NVIDIA container toolkit installed?"
            )
    if reason := readiness.not_ready_reason():
        raise ServerError(f"TorchServe does not predict: {reason}")
    on = ", ".join(f"{name} on {device}" for name, device in devices.items())
    _log("info", f"ready after {time.monotonic() - began:.1f} s: {on}")


def _device(client: Client, model: str) -> str:
    return str(client.describe(model, customized=True)["customizedMetadata"]["device"])


def _drain(port: int | None) -> None:
    """Wait until no gateway is connected: they close their connections once all requests are answered."""
    _log("info", "stopping: waiting for open requests")
    began = time.monotonic()
    while (waited := time.monotonic() - began) < DRAIN_NOTICE_S or (_is_connected(port) and waited < DRAIN_TIMEOUT_S):
        time.sleep(0.1)
    _log("info", f"stopped after {waited:.1f} s")


def _is_connected(port: int | None) -> bool:
    """Check whether a process outside this container is connected to `port`."""
    return any(
        c.status == psutil.CONN_ESTABLISHED and c.laddr[1] == port and c.raddr[0] not in ("127.0.0.1", c.laddr[0])
        for c in psutil.net_connections("tcp")
        if c.laddr and c.raddr
    )


def _tail_log(log: Path) -> None:
    """Copy the log file to stdout, where containers log; truncate it above 8 MiB.

    Lines written between the last read and the truncation, a few microseconds, are lost.
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


def _log(level: str, message: str) -> None:
    if os.environ.get("SERVING_LOG_FORMAT") == "json":
        print(json.dumps({"time": time.strftime("%FT%TZ", time.gmtime()), "level": level, "message": message}))
    else:
        print(f"{level}: {message}", flush=True)


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
