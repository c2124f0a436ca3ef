"""One peer, started and asked until it answers right."""

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.errors import BenchmarkError
from benchmarks.servers.environments import python_of
from benchmarks.servers.process_tree import ProcessTree
from benchmarks.servers.registry import SAMPLES, Peer
from common.paths import ROOT
from common.ports import free_ports

READY_TIMEOUT_S = 120.0
PORTS = 5  # TorchServe's five listeners


class Server:
    """A running peer, with `more` in its environment; `ready_s` is from its launch to its first right answer."""

    def __init__(self, peer: Peer, more: Mapping[str, str] = {}) -> None:
        self.peer, self._more = peer, more
        self.port = free_ports(PORTS)

    def __enter__(self) -> Server:
        self._scratch = Path(tempfile.mkdtemp(prefix="bench-"))
        log = self._scratch / "server.log"
        command = [str(python_of(self.peer)), "-m", f"benchmarks.servers.impl.{self.peer.module}", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCRATCH": str(self._scratch), **self._more}
        began = time.monotonic()
        self.tree = ProcessTree([*command, *self.peer.options], environment, ROOT, log)
        try:
            self._wait(log)
        except BaseException:
            self.tree.stop()
            raise
        self.ready_s = time.monotonic() - began
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.tree.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def request(self, image: bytes) -> bytes:
        """One image's whole HTTP request."""
        body = self.peer.encode(image)
        headers = {"Host": f"127.0.0.1:{self.port}", **self.peer.headers, "Content-Length": str(len(body))}
        lines = [f"POST {self.peer.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def ask(self, image: bytes, timeout_s: float = 5.0) -> int:
        """The digit that the server finds in an image. Raises OSError, HTTPException or ValueError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("POST", self.peer.path, self.peer.encode(image), dict(self.peer.headers))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"answered {answer.status}: {body[:200]!r}")
        return self.peer.digit(body)

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        seven = SAMPLES[7].read_bytes()
        reason: object = "nothing answered"
        while time.monotonic() < deadline and self.tree.process.poll() is None:
            try:
                if self.ask(seven) == 7:
                    return
                reason = "it took a 7 for another digit"
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = error
            time.sleep(0.02)
        kept = Path(tempfile.gettempdir()) / f"bench-{self.peer.name}.log"
        shutil.copy(log, kept)
        raise BenchmarkError(f"{self.peer.name} did not get ready ({reason}); its log is {kept}")
