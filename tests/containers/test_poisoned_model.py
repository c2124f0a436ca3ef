"""A model that raises for one input in ten: those requests get 500 and are counted as failed; no other is affected."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from tests.containers.conftest import docker, ip_address, run_container, wait_healthy, wait_open
from tests.support.archives import with_changed
from tests.support.assertions import npy
from tests.support.polling import wait_for

pytestmark = pytest.mark.container
TMP = "--tmpfs=/tmp:exec,mode=1777"
POISON = npy(np.full((1, 28, 28), 255, np.uint8))
POISONED = b"""
import usual_handler


class PoisonedHandler(usual_handler.MnistHandler):
    def inference(self, inputs):
        if (inputs == 1).flatten(1).all(dim=1).any():
            raise RuntimeError("CUDA out of memory")
        return super().inference(inputs)
"""
CLIENTS, REQUESTS = 32, 400


@pytest.fixture
def poisoned(service, tmp_path):
    """Run a TorchServe with a poisoned model and a gateway to it; return the gateway's URL and both containers."""
    store = tmp_path / "store"
    store.mkdir(mode=0o755)
    usual = service.images.source / "model_store/mnist.mar"
    with zipfile.ZipFile(usual) as archive:
        changes = {"handler.py": POISONED, "usual_handler.py": archive.read("handler.py")}
    with_changed(usual, store / "mnist.mar", changes)
    options = (
        f"--volume={store}:/app/model_store:ro",
        "--env=TS_LOAD_MODELS=mnist.mar",
        "--network-alias=poisoned",
        TMP,
    )
    many = ("--env=TORCHSERVE=poisoned", "--env=CONNECTION_LIMIT=2000", "--tmpfs=/tmp:mode=1777")
    with run_container(service, "torchserve", *options) as torchserve:
        wait_healthy(torchserve)
        with run_container(service, "gateway", *many) as gateway:
            wait_open(gateway, ip_address(gateway), 8000)
            yield f"http://{ip_address(gateway)}:8000", torchserve, gateway


def test_one_request_in_ten_is_500_and_all_others_are_right(poisoned, seven):
    url, torchserve, gateway = poisoned

    def ask(i):
        is_poison = i % 10 == 0
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{url}/predictions/mnist", data=POISON if is_poison else seven, timeout=60)
        return is_poison, answer.status_code, answer.json().get("digit"), answer.json().get("error")

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = Counter(pool.map(ask, range(REQUESTS)))
    sentence = "the server failed to answer this request; its log says why"
    assert outcomes == {(True, 500, None, sentence): REQUESTS // 10, (False, 200, 7, None): REQUESTS - REQUESTS // 10}

    def count(container, place, pattern):
        text = requests.get(f"http://{ip_address(container)}:{place}/metrics", timeout=10).text
        return sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE))

    # docker/monitoring/alerts.yaml looks at these: HighFailureRate and HighErrorRate (tests/monitoring/test_alerts.py).
    failed = r'handler_requests_total\{.*outcome="failed".*\}'
    wait_for(lambda: count(torchserve, 8082, failed) == REQUESTS // 10)
    wait_for(lambda: count(gateway, 8001, r'gateway_requests_total\{route="api",status="500"\}') == REQUESTS // 10)
    assert count(gateway, 8001, r'gateway_requests_total\{route="api",status="429"\}') == 0
    assert "CUDA out of memory" in docker("logs", torchserve, stderr_too=True)
