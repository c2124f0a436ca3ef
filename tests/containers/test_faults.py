"""Faults of the containers under load: out of memory, a full disk, and clients that hold on to the gateway."""

from __future__ import annotations

import json
import time
import zipfile

import pytest
import requests

from common.recovery import wait_until_healthy, worker_pids
from serving.client import Client
from tests.containers.conftest import docker, ip_address, run_container, wait_healthy
from tests.faults import bad_clients
from tests.support.archives import with_changed
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.container, pytest.mark.fault]
BATCH = 32
RECOVERY_S = 20.0  # that it comes back; how soon is in docs/fault-injection.md
FOR_S = 3.0
FILLER = "/tmp/filler"  # noqa: S108 - the container's own
FILL = f"""
import contextlib
with contextlib.suppress(OSError), open('{FILLER}', 'wb', buffering=0) as filler:
    while True:
        filler.write(bytes(4096))
"""
KILL_A_WORKER = """
from serving.client import Client
import os
with Client() as client:
    os.kill(client.describe("mnist")["workers"][0]["pid"], 9)
"""
LATEST_S = 20.0  # that nobody hangs
# Allocates more memory than the container has when the request says so.
GREEDY = b"""
import usual_handler


class GreedyHandler(usual_handler.MnistHandler):
    def handle_batch(self, batch):
        if any("x-allocate" in request.headers for request in batch):
            b"x" * (8 << 30)
        return super().handle_batch(batch)
"""


@pytest.fixture
def greedy(service, tmp_path):
    """Run a TorchServe of 1,500 MB with a handler that can be asked to take all of it; return its address."""
    store = tmp_path / "store"
    store.mkdir(mode=0o755)
    with zipfile.ZipFile(service.images.source / "model_store/mnist.mar") as usual:
        changes = {"handler.py": GREEDY, "usual_handler.py": usual.read("handler.py")}
    with_changed(service.images.source / "model_store/mnist.mar", store / "mnist.mar", changes)
    options = [f"--volume={store}:/app/model_store:ro", "--env=TS_LOAD_MODELS=mnist.mar", "--memory=1500m"]
    options.append("--env=TS_MANAGEMENT_ADDRESS=http://0.0.0.0:8081")  # to ask it from here
    with run_container(service, "torchserve", *options, "--tmpfs=/tmp:exec,mode=1777") as container:
        wait_healthy(container)
        yield f"http://{ip_address(container)}"


def test_a_worker_runs_out_of_memory(greedy, seven, record_fault):
    url, headers = f"{greedy}:8080/predictions/mnist", {"Content-Type": "image/png", "X-Allocate": "8 GiB"}
    with Load(url, seven, rate=200) as load, Client(f"{greedy}:8080", f"{greedy}:8081") as client:
        time.sleep(1)
        before = worker_pids(client, "mnist")
        answer = requests.post(url, seven, headers=headers, timeout=30)
        recovery_s = wait_until_healthy(client, "mnist", gone=before)
        time.sleep(1)
    effect = "the kernel kills it; its batch fails; TorchServe starts another"
    record_fault("a worker exhausts the memory of its container", effect, load.outcomes, recovery_s)
    assert answer.json()["message"] == "Worker died."
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] < BATCH
    assert recovery_s < RECOVERY_S


def test_the_disk_in_memory_is_full(service, seven, record_fault):
    torchserve = service.container("torchserve")
    try:
        with Load(f"{service.url}/predictions/mnist", seven, rate=200) as load:
            docker("exec", torchserve, "python", "-c", FILL)
            docker("exec", torchserve, "python", "-c", KILL_A_WORKER)
            time.sleep(5)
            described = docker("exec", torchserve, "python", "-m", "serving", "describe", "mnist", "--json")
    finally:
        docker("exec", torchserve, "rm", "-f", FILLER)
    effect = "service continues; the worker restarts"
    record_fault("the container's in-memory disk is full and a worker is killed", effect, load.outcomes)
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] <= BATCH
    assert [worker["status"] for worker in json.loads(described)["workers"]] == ["READY", "READY"]


BODY = bad_clients.PREDICT + b"Content-Length: 1000\r\n\r\n"
PAGE = b"GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n"
HELD = {
    "1,000 connections are idle": lambda to: bad_clients.idle(to, 1000),
    "200 clients send their headers line by line": lambda to: bad_clients.trickling(to, 200, b"X: y\r\n"),
    "200 clients send their bodies byte by byte": lambda to: bad_clients.trickling(to, 200, b"x", BODY),
    "20 clients request 100 pages each and never read": lambda to: bad_clients.never_reading(to, 20, PAGE, 100),
}


@pytest.mark.parametrize("name", HELD)
def test_clients_that_hold_on_to_the_gateway_cost_nobody_an_answer(name, service, gateway_address, seven, record_fault):
    bad_clients.allow_descriptors(4096)
    with Load(f"{service.url}/predictions/mnist", seven, rate=100) as load:
        with HELD[name](gateway_address):
            time.sleep(FOR_S)
    record_fault(f"gateway: {name}", "other clients are not affected", load.outcomes)
    assert set(load.outcomes) == {RIGHT}
    assert max(outcome.took_s for outcome in load.all) < LATEST_S


def test_clients_that_leave_the_gateway_early_cost_nobody_an_answer(service, gateway_address, seven, record_fault):
    with Load(f"{service.url}/predictions/mnist", seven, rate=100) as load:
        bad_clients.disconnect_in_the_body(gateway_address, 500)
        bad_clients.disconnect_before_the_answer(gateway_address, 500, seven)
        time.sleep(1)
    name = "gateway: 500 clients disconnect in their bodies, 500 before their responses"
    record_fault(name, "other clients are not affected", load.outcomes)
    assert set(load.outcomes) == {RIGHT}
