"""One server for faults: what `make serve` runs, but that it gives up sooner on a worker that hangs."""

from __future__ import annotations

import shutil
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


class Faulty:
    """The server with what tests do to it, and what they look at afterwards."""

    def __init__(self, server: TorchServe, client: Client) -> None:
        self.server, self.client = server, client
        self.url = f"{server.inference}/predictions/mnist"

    def workers(self) -> set[int]:
        return worker_pids(self.client)

    def wait_until_whole(self, without: int) -> float:
        """Return how many seconds it took until all workers were ready, without the one that has ended."""
        return wait_until_healthy(self.client, gone={without})

    def java(self) -> psutil.Process:
        return psutil.Process(self.server.process.pid)


@pytest.fixture(scope="session")
def faulty(root: Path, archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    folder = tmp_path_factory.mktemp("faults")
    with_config(archives / "mnist.mar", folder / "mnist.mar", responseTimeout=RESPONSE_TIMEOUT_S)
    shutil.copy(archives / "xor.mar", folder)
    environment = {**environment_of_free_ports(), "TS_MODEL_STORE": str(folder), "TS_LOAD_MODELS": "mnist.mar"}
    with TorchServe(root / "config.properties", folder / "log", environment) as server:
        with Client(server.inference, server.management) as client:
            server.wait_ready()
            yield Faulty(server, client)
