"""Any request over HTTP, at any route, gets a response in the contract's form, and no worker restarts."""

from __future__ import annotations

import string
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests as http
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers.strategies import requests
from tests.payloads.malicious import images, messages

pytestmark = pytest.mark.server
# Each once took a worker's memory or minutes, or was answered with more than TorchServe lets out, which ends it.
WORST = {
    name: {**images.REFUSED, **messages.REFUSED}[name]
    for name in (
        "a GIF of 65,000 pixels a side, to be cleared",
        "a shape of 350,000 large numbers",
        "all the ones that a shape has room for",
        "a datatype of 2,500,000 ones",
    )
}
ROUTES = (
    "/predictions/mnist",
    "/predictions/mnist/1.0",
    "/explanations/mnist",
    "/v1/models/mnist:predict",
    "/v2/models/mnist/infer",
    "/predictions/xor",
)
LETTERS = set(string.ascii_letters + string.digits + "/-;=")


def send(url, parts, headers):
    """Post one part as the body, several as a form; only headers that HTTP can carry."""
    headers = {name: value for name, value in headers.items() if set(value) <= LETTERS}
    if set(parts) == {"body"}:
        return http.post(url, bytes(parts["body"]), headers=headers, timeout=60)
    files = {name: bytes(value) for name, value in parts.items() if set(name) <= LETTERS}
    headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return http.post(url, files=files, headers=headers, timeout=60)


@pytest.fixture
def same_workers(client):
    """Check that no worker ends meanwhile."""
    before = {worker["pid"] for worker in client.describe("mnist")["workers"]}
    yield
    assert {worker["pid"] for worker in client.describe("mnist")["workers"]} == before


@pytest.mark.usefixtures("same_workers")
def test_any_request_is_answered_in_form(server):
    @settings(max_examples=80, deadline=None)
    @given(st.sampled_from(ROUTES), requests)
    def is_answered_in_form(route, request):
        answer = send(server.inference + route, *request)
        assert answer.status_code in (200, 400), answer.text
        if answer.headers["Content-Type"] == "application/x-npy":
            assert answer.content.startswith(b"\x93NUMPY")
        elif answer.status_code == 400:
            assert set(answer.json()) == {"error"}
        else:
            assert {"digit", "predictions", "outputs"} & answer.json().keys()

    is_answered_in_form()


@pytest.mark.usefixtures("same_workers")
@pytest.mark.parametrize("name", WORST)
def test_the_worst_bodies_cost_their_neighbours_nothing(server, client, seven, name):
    make, words = WORST[name]
    body = make()
    with ThreadPoolExecutor(8) as pool:
        bad = [pool.submit(http.post, f"{server.inference}/predictions/mnist", body, timeout=60) for _ in range(4)]
        good = list(pool.map(client.predict, ["mnist"] * 40, [seven] * 40))
    assert {prediction["digit"] for prediction in good} == {7}
    for answer in bad:
        assert answer.result().status_code == 400
        assert words in answer.result().json()["error"]
