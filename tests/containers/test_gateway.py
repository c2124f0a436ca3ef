"""The gateway lets clients through to the documented operations, and to nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import re

import pytest

from tests.containers.conftest import docker, ip_address, run_container, run_gateway, wait_open
from tests.support.assertions import assert_is_prediction

pytestmark = pytest.mark.container
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
    assert len(answer["attribution"]) == len(answer["pixels"]) == 28


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
    assert json.loads(body) == {"error": "this path accepts only POST, PUT"}


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_pages_cannot_be_framed_nor_load_from_elsewhere(service, http, path):
    headers = http.get(service.url + path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("given_by", ["environment", "file"])
def test_with_a_key_set_only_those_who_have_it_are_answered(service, http, seven, tmp_path, given_by):
    file = tmp_path / "key"
    file.write_text("Right-key_1\n")
    options = {"environment": "--env=API_KEY=Right-key_1", "file": f"--volume={file}:/run/secrets/api_key:ro"}
    with run_gateway(service, options[given_by]) as url:
        answers = {
            key: http.post(f"{url}/predictions/mnist", data=seven, headers={**PNG, "X-Api-Key": key})
            for key in ("", "right-key_1", "Right-key_12", "Right-key_1")
        }
        assert http.get(f"{url}/health").status_code == 200
    assert {key: answer.status_code for key, answer in answers.items()} == {
        "": 401, "right-key_1": 401, "Right-key_12": 401, "Right-key_1": 200
    }  # fmt: skip
    assert answers[""].json() == {"error": "send your API key in the header X-Api-Key"}


def test_a_key_of_a_file_is_in_no_log_and_no_process(service, http, seven, tmp_path):
    file = tmp_path / "key"
    file.write_text("Right-key_1")
    with run_container(
        service, "gateway", "--tmpfs=/tmp:mode=1777", f"--volume={file}:/run/secrets/api_key:ro"
    ) as container:
        address = ip_address(container)
        wait_open(container, address, 8000)
        for key in ("Right-key_1", "Wrong-key_1"):
            url = f"http://{address}:8000/predictions/mnist"
            http.post(url, data=seven, headers={**PNG, "X-Api-Key": key})
        processes = docker("exec", container, "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>&1")
        assert "nginx: worker" in processes
        assert not re.search("(?:Right|Wrong)-key", processes + docker("logs", container, stderr_too=True))
