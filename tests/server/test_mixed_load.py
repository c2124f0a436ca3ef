"""Concurrent requests, one in ten of them bad: the bad get 400, the good a prediction, no worker restarts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from benchmarks.load.bad_requests import bad_requests
from tests.support.assertions import png

pytestmark = pytest.mark.server
REQUESTS = 2000
HUGE = (bytes(6_000_000), {"Content-Type": "image/png"})


def test_a_storm_with_one_bad_request_in_ten(server, client, seven, test_images):
    bad, url = [*bad_requests(seven), HUGE], f"{server.inference}/predictions/mnist"
    good = [png(pixels) for pixels in test_images[:REQUESTS]]
    undisturbed = [p["digit"] for p in client.predict_many("mnist", test_images[:REQUESTS])]
    workers = {worker["pid"] for worker in client.describe("mnist")["workers"]}
    local = threading.local()

    def send(i):
        if not hasattr(local, "session"):
            local.session = requests.Session()
        body, headers = (
            bad[i // 10 % len(bad)] if i % 10 == 0 else (good[i], {"describe": "True"} if i % 7 == 0 else {})
        )
        return local.session.post(url, body, headers=headers, timeout=30)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(send, range(REQUESTS)))
    for i, answer in enumerate(answers):
        if i % 10 == 0:
            assert answer.status_code == 400, f"bad request {i // 10 % len(bad)}: {answer.status_code}"
            assert set(answer.json()) == {"error"}
        else:
            assert answer.status_code == 200, answer.text
            assert answer.json()["digit"] == undisturbed[i]
    assert {worker["pid"] for worker in client.describe("mnist")["workers"]} == workers
