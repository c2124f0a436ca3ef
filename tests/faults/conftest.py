"""One server for the tests of faults, like that of `make serve` but with a shorter responseTimeout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.recovery import wait_until_healthy, worker_pids
from serving.client import Client
from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports
from tests.support.archives import with_config

RESPONSE_TIMEOUT_S = 3
DISK_SIZE = "128m"


class FaultServer:
    """A server that tests make fail."""

    def __init__(self, server: TorchServe, client: Client) -> None:
        self.server, self.client = server, client
        self.url = f"{server.inference}/predictions/mnist"

    def workers(self) -> set[int]:
        return worker_pids(self.client, "mnist")

    def wait_until_healthy(self, without: int) -> float:
        """Wait until all workers are ready and `without` is not among them; return the seconds that this took."""
        return wait_until_healthy(self.client, "mnist", gone={without})

    def java(self) -> psutil.Process:
        return psutil.Process(self.server.process.pid)


@pytest.fixture(scope="session")
def small_disk() -> Iterator[Path]:
    """Mount a small file system and return its folder, or an ordinary folder where mounting is not permitted."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))  # not pytest's own: a killed run leaves it mounted
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "faults", folder]
    is_root = sys.platform == "linux" and os.geteuid() == 0
    mounted = is_root and subprocess.run(command, capture_output=True).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", folder], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fault_server(root: Path, archives: Path, small_disk: Path) -> Iterator[FaultServer]:
    """Run a server whose log and model store are on the small disk."""
    with_config(archives / "mnist.mar", small_disk / "mnist.mar", responseTimeout=RESPONSE_TIMEOUT_S)
    shutil.copy(archives / "xor.mar", small_disk)
    environment = {**environment_of_free_ports(), "TS_MODEL_STORE": str(small_disk), "TS_LOAD_MODELS": "mnist.mar"}
    with TorchServe(root / "config.properties", small_disk / "log", environment) as server:
        with Client(server.inference, server.management) as client:
            server.wait_ready()
            yield FaultServer(server, client)
