"""Workers are forked from a process that has imported torch; the server recovers when any process dies."""

from __future__ import annotations

import shutil
import signal
import sys
import time

import psutil
import pytest
import requests

from serving.client import Client
from serving.torchserve.process import FORK_SERVER, TorchServe
from tests.conftest import environment_of_free_ports

pytestmark = [pytest.mark.server, pytest.mark.skipif(sys.platform != "linux", reason="workers fork on Linux only")]
WAIT_S = 60.0


class Running:
    """A server with one worker, that of XOR."""

    def __init__(self, server: TorchServe, client: Client) -> None:
        self.server, self.client = server, client

    def pid(self) -> int:
        return self.client.describe("xor")["workers"][0]["pid"]

    def worker(self) -> psutil.Process:
        return psutil.Process(self.pid())

    def stand_in(self) -> psutil.Process:
        """Return the process that TorchServe itself started."""
        (child,) = psutil.Process(self.server.process.pid).children()
        return child

    def wait_for_another_than(self, old: psutil.Process) -> psutil.Process:
        """Return the worker that has come in the place of `old`, when it is ready."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if self.server.is_ready(self.client) and self.pid() != old.pid:
                return self.worker()
            time.sleep(0.1)
        raise AssertionError(f"no other worker after {WAIT_S} s; the log:\n{self.server.log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def start(root, archives, tmp_path_factory):
    """Return a context manager that runs a server with one worker."""
    folder = tmp_path_factory.mktemp("xor")
    shutil.copy(archives / "xor.mar", folder)
    store = {"TS_MODEL_STORE": str(folder), "TS_LOAD_MODELS": "xor.mar"}

    def server(**more: str) -> TorchServe:
        return TorchServe(root / "config.properties", folder / "log", {**environment_of_free_ports(), **store, **more})

    return server


@pytest.fixture(scope="module")
def running(start):
    with start() as server, Client(server.inference, server.management) as client:
        server.wait_ready()
        yield Running(server, client)


def is_gone(process: psutil.Process) -> bool:
    _, alive = psutil.wait_procs([process], timeout=WAIT_S)
    return not alive


def test_a_worker_is_a_fork_of_the_process_that_imported_torch(running):
    assert str(FORK_SERVER) in running.worker().parent().cmdline()
    assert "worker_stub.py" in " ".join(running.stand_in().cmdline())


def test_when_a_worker_dies_its_stand_in_ends_and_another_comes(running):
    worker, stand_in = running.worker(), running.stand_in()
    worker.send_signal(signal.SIGKILL)
    assert is_gone(stand_in)
    running.wait_for_another_than(worker)
    answer = requests.post(f"{running.server.inference}/predictions/xor", json={"instances": [[0, 1]]}, timeout=10)
    assert answer.json()["predictions"][0]["output"] == 1


def test_when_the_stand_in_is_killed_even_a_worker_that_hangs_ends(running):
    worker = running.worker()
    worker.suspend()
    running.stand_in().kill()
    assert is_gone(worker)
    running.wait_for_another_than(worker)


def test_without_the_fork_server_workers_start_by_themselves(running):
    worker = running.worker()
    worker.parent().kill()
    worker.kill()
    assert running.wait_for_another_than(worker).ppid() == running.server.process.pid


def test_it_can_be_switched_off(start):
    with start(SERVING_FORK_WORKERS="false") as server, Client(server.inference, server.management) as client:
        server.wait_ready()
        assert Running(server, client).worker().ppid() == server.process.pid
