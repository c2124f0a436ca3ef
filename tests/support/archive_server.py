"""Run docs/serve_archive.py: the real handlers of an archive, without TorchServe's Java."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from common.paths import ROOT
from common.ports import free_ports
from tests.support.polling import wait_for


@contextmanager
def serve_archive(archive: Path, log: Path) -> Iterator[str]:
    """Serve an archive and return the server's URL."""
    port = free_ports(1)
    command = [sys.executable, "-W", "ignore", str(ROOT / "docs/serve_archive.py"), str(archive), str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent) as server:
        try:
            wait_for(lambda: server.poll() is not None or answers(f"http://127.0.0.1:{port}/"), timeout_s=60)
            assert server.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def answers(url: str) -> bool:
    """Return whether a server answers there, with any status."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            session.get(url, timeout=5)
        except requests.ConnectionError:
            return False
    return True
