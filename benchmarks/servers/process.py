"""Start a server, wait until it answers correctly, and stop it."""

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
from benchmarks.load.http1 import post_request
from benchmarks.servers.environments import python_of
from benchmarks.servers.process_tree import ProcessTree
from benchmarks.servers.registry import SAMPLES, ServerEntry
from common.paths import ROOT
from common.ports import free_ports

READY_TIMEOUT_S = 120.0
PORTS = 5  # TorchServe's five listeners


class Server:
    """A running server, with `variables` in its environment; `ready_s` is from launch to first right response."""

    def __init__(self, entry: ServerEntry, variables: Mapping[str, str] = {}) -> None:
        self.entry, self._variables = entry, variables
        self.port = free_ports(PORTS)

    def __enter__(self) -> Server:
        self._scratch = Path(tempfile.mkdtemp(prefix="bench-"))
        log = self._scratch / "server.log"
        command = [str(python_of(self.entry)), "-m", f"benchmarks.servers.impl.{self.entry.module}", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCRATCH": str(self._scratch), **self._variables}
        began = time.monotonic()
        self.tree = ProcessTree([*command, *self.entry.options], environment, ROOT, log)
        try:
            self._wait_until_ready(log)
        except BaseException:
            self.tree.stop()
            raise
        self.ready_s = time.monotonic() - began
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.tree.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def request(self, image: bytes) -> bytes:
        """Return the whole HTTP request for one image."""
        return post_request(self.entry.path, self.entry.encode(image), self.entry.headers, f"127.0.0.1:{self.port}")

    def sample_requests(self) -> list[bytes]:
        """Return the HTTP requests for the ten sample digits, in order."""
        return [self.request(path.read_bytes()) for path in SAMPLES.values()]

    def predict(self, image: bytes, timeout_s: float = 5.0) -> int:
        """Return the digit that the server finds in an image. Raises OSError, HTTPException or ValueError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("POST", self.entry.path, self.entry.encode(image), dict(self.entry.headers))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"answered {response.status}: {body[:200]!r}")
        return self.entry.digit(body)

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        seven = SAMPLES[7].read_bytes()
        reason: object = "it did not answer"
        while time.monotonic() < deadline and self.tree.process.poll() is None:
            try:
                if self.predict(seven) == 7:
                    return
                reason = "it took a 7 for another digit"
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = error
            time.sleep(0.02)
        kept = Path(tempfile.gettempdir()) / f"bench-{self.entry.name}.log"
        shutil.copy(log, kept)
        raise BenchmarkError(f"{self.entry.name} did not get ready ({reason}); its log is {kept}")
