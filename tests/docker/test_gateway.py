"""Through the gateway comes what is meant for strangers, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import time

import pytest
import requests

from tests.answers import assert_is_prediction
from tests.docker.conftest import docker, free_port

pytestmark = pytest.mark.docker
PNG = {"Content-Type": "image/png"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def raw(service, method, path, body=b"x", headers=PNG):
    """Ask for a path exactly as it is written."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(method, path)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("path", ["/predictions/mnist", "/predictions/mnist/1.0", "/v1/models/mnist:predict"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_digit_is_read(service, http, seven, path, method):
    answer = http.request(method, service.url + path, data=seven, headers=PNG)
    assert answer.headers["Content-Type"] == "application/json"
    assert_is_prediction(answer.json(), 7)


def test_it_is_explained(service, http, seven):
    answer = http.post(f"{service.url}/explanations/mnist", data=seven, headers=PNG).json()
    assert len(answer["attribution"]) == 28


def test_the_type_that_curl_gives_is_mended(service, http, seven):
    assert http.post(f"{service.url}/predictions/mnist", data=seven, headers=FORM).json()["digit"] == 7


def test_the_handlers_own_refusal_passes(service, http):
    answer = http.post(f"{service.url}/predictions/mnist", data=b"no image", headers=PNG)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_health_tells_how_many_servers_are_ready(service, http):
    assert http.get(f"{service.url}/health").json() == {"status": "ready", "servers": 1}


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH"])
def test_digits_are_only_posted_or_put(service, method):
    status, body = raw(service, method, "/predictions/mnist")
    assert status == 405
    assert json.loads(body) == {"error": "this path is only asked with POST, PUT"}


def test_a_body_over_8_mib_is_refused(service, http):
    answer = http.post(f"{service.url}/predictions/mnist", data=bytes(8 * 2**20 + 1), headers=PNG)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is larger than 8 MiB"}


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_pages_cannot_be_framed_nor_load_from_elsewhere(service, http, path):
    headers = http.get(service.url + path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "nginx"


def test_with_a_key_set_only_those_who_have_it_are_answered(service, http, seven):
    port = free_port()
    options = ["--rm", "--detach", "--read-only", f"--network={service.name}_default"]
    options += ["--tmpfs=/tmp:mode=1777", "--cap-drop=ALL"]
    publish = ["--publish", f"127.0.0.1:{port}:8000", "--env", "API_KEY=Right-key_1"]
    container = docker("run", *options, *publish, service.image("gateway")).strip()
    try:
        url = f"http://127.0.0.1:{port}/predictions/mnist"
        answers = {}
        for key in ("", "right-key_1", "Right-key_12", "Right-key_1"):
            answers[key] = eventually(lambda key=key: http.post(url, data=seven, headers={**PNG, "X-Api-Key": key}))
        assert {key: answer.status_code for key, answer in answers.items()} == {
            "": 401, "right-key_1": 401, "Right-key_12": 401, "Right-key_1": 200
        }  # fmt: skip
        assert "X-Api-Key" in answers[""].json()["error"]
    finally:
        docker("rm", "--force", container)


def eventually(ask, seconds=10):
    """Ask until something listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except requests.ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.1)
