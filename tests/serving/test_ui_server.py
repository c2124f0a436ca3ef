"""The web server of the drawing page serves the page and two prediction routes, to this machine alone."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket

import msgspec
import pytest

from model.config import load, load_all
from serving import openapi, ui_server
from tests.support.assertions import assert_is_prediction

MODELS = load_all()
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def nowhere():
    """Return an address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def port_of(sentence):
    return int(sentence.rpartition(":")[2])


@pytest.fixture
def page(server):
    """Run a page server before the session's TorchServe. Returns its address."""
    with ui_server.running(server.inference, MODELS, "0") as sentence:
        yield f"http://127.0.0.1:{port_of(sentence)}"


def test_the_openapi_document_is_served(page, http):
    answer = http.get(f"{page}/openapi.yaml")
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert answer.text == openapi.to_yaml(MODELS)


@pytest.fixture(scope="module")
def raw(nowhere):
    """Return a function that asks for a path exactly as it is written; behind this page server is nothing."""
    with ui_server.running(nowhere, MODELS, "0") as sentence:

        def ask(method, path, headers=None, body=b""):
            connection = http.client.HTTPConnection("127.0.0.1", port_of(sentence), timeout=10)
            with contextlib.closing(connection):
                connection.putrequest(method, path, skip_host=True)
                named = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **(headers or {})}
                for name, value in named.items():
                    if value is not None:
                        connection.putheader(name, *([value] if isinstance(value, str) else value))
                connection.endheaders(body)
                answer = connection.getresponse()
                return answer.status, answer.read(), dict(answer.getheaders())

        yield ask


@pytest.mark.server
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_digit_is_read_and_explained(page, http, seven, method):
    answer = http.request(method, f"{page}/predictions/mnist", data=seven, headers=PNG)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert_is_prediction(answer.json(), 7)
    explained = http.request(method, f"{page}/explanations/mnist/1.0", data=seven, headers=PNG).json()
    assert len(explained["attribution"]) == len(explained["pixels"]) == 28


@pytest.mark.server
def test_the_v1_and_v2_protocols_are_answered_for_every_model(page, http):
    for route in ("predictions/xor", "v1/models/xor:predict", "predictions/xor/1.0"):
        answer = http.post(f"{page}/{route}", json={"instances": [[0, 1]]})
        assert answer.json()["predictions"][0]["output"] == 1
    tensor = {"name": "bits", "shape": [1, 2], "datatype": "INT64", "data": [0, 1]}
    answer = http.post(f"{page}/v2/models/xor/infer", json={"inputs": [tensor]}).json()
    assert {output["name"]: output["data"] for output in answer["outputs"]}["output"] == [1]


def test_a_model_that_is_not_for_gateways_has_no_route(nowhere):
    mnist = msgspec.structs.replace(load("mnist"), gateway=False)
    server = ui_server.UiServer(nowhere, [mnist, load("xor")], 0)
    with contextlib.closing(server.socket):
        assert server.route("/predictions/mnist") is None
        assert server.route("/explanations/mnist") is None
        assert server.route("/v1/models/xor:predict") == "/predictions/xor"


@pytest.mark.server
def test_the_type_that_curl_gives_is_mended(page, http, seven):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post(f"{page}/predictions/mnist", data=seven, headers=form).json()["digit"] == 7


@pytest.mark.server
def test_the_handlers_own_refusal_passes(page, http):
    answer = http.post(f"{page}/predictions/mnist", data=bytes(8 * 2**20), headers=PNG)
    assert answer.status_code == 400
    assert "not an image" in answer.json()["error"]


@pytest.mark.server
def test_what_torchserve_cannot_take_now_is_429(page, http, client):
    client.scale("xor", 0)
    try:
        answer = http.post(f"{page}/predictions/xor", json={"instances": [[0, 1]]})
    finally:
        client.scale("xor", 1)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json() == {"error": "too many requests at once; slow down"}


@pytest.mark.server
def test_one_connection_serves_many_requests(page, seven):
    connection = http.client.HTTPConnection(page.removeprefix("http://"))
    with contextlib.closing(connection):
        sockets = set()
        for _ in range(5):
            connection.request("POST", "/predictions/mnist", seven, PNG)
            assert json.loads(connection.getresponse().read())["digit"] == 7
            sockets.add(connection.sock)
    assert len(sockets) == 1
    assert None not in sockets


def test_without_a_server_behind_it_says_so(raw):
    status, body, headers = raw("POST", "/predictions/mnist", PNG, b"x")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert json.loads(body) == {"error": "no server is ready; try again in a moment"}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:9000", "[::1]:8000", "LOCALHOST:1"])
def test_the_page_is_there_by_the_names_of_this_machine(raw, root, host):
    status, body, headers = raw("GET", "/", {"Host": host})
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body == (root / "web/index.html").read_bytes()


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org", "localhost.example.org:8000", "[", "", None, ("127.0.0.1", "x")]
)
@pytest.mark.parametrize("path", ["/", "/predictions/mnist"])
def test_a_name_of_somebody_else_gets_nothing(raw, host, path):
    status, body, _ = raw("POST", path, {"Host": host})
    assert status == 403
    assert "open http://127.0.0.1:" in json.loads(body)["error"]


def test_every_file_of_the_page_is_there(raw, root):
    for file in (root / "web").iterdir():
        status, body, headers = raw("GET", f"/{file.name}")
        assert (status, body) == (200, file.read_bytes())
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert raw("HEAD", f"/{file.name}")[:2] == (200, b"")


def test_its_headers_are_the_gateways(raw, root):
    configured = dict(
        re.findall(
            r'^    add_header (\S+) "?([^"\n]*?)"? always;', (root / "docker/gateway/nginx.conf").read_text(), re.M
        )
    )
    assert len(configured) > 5
    headers = raw("GET", "/")[2]
    for name, value in configured.items():
        assert value.startswith("$") or headers[name] == value, name


@pytest.mark.parametrize(
    "path",
    [
        "/models", "/metrics", "/ping", "/health", "/predictions", "/predictions/other", "/predictions/mnist/",
        "/explanations/xor", "/v1/models/other:predict", "/v1/models/mnist", "/v1/models/mnist:explain",
        "/v2/models/mnist", "/v2/models/mnist/versions/1/infer",
        "/predictions/mnist/../../models", "/predictions/mnist/1.0/../..",
        "/explanations/mnist%2f..", "/-", "/../config.properties",
        "/..%2fconfig.properties", "/%2e%2e/config.properties", "/./page.js", "/web/page.js",
        "/page.js/", "/page.js%00", "/..\\config.properties", "//etc/passwd", "/etc/passwd", "http://127.0.0.1/page.js",
        "/predictions/mnist%0d%0aX:%20y", "*",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_else_is_there(raw, method, path):
    status, body, headers = raw(method, path)
    assert (status, headers["Content-Type"]) == (404, "application/json")
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH"])
def test_digits_are_only_posted_or_put(raw, method):
    status, body, headers = raw(method, "/predictions/mnist")
    assert (status, headers["Allow"]) == (405, "POST, PUT")
    assert json.loads(body) == {"error": "this path accepts only POST, PUT"}


def test_a_body_over_8_mib_is_refused(raw):
    status, body, _ = raw("POST", "/predictions/mnist", PNG, bytes(8 * 2**20 + 1))
    assert (status, json.loads(body)) == (413, {"error": "the body is larger than 8 MiB"})


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "-1"}, {"Content-Length": "x"}, {"Transfer-Encoding": "chunked"}]
)
def test_a_body_without_a_length_is_refused(raw, headers):
    status, body, _ = raw("POST", "/predictions/mnist", headers)
    assert status == 411
    assert "Content-Length" in json.loads(body)["error"]


def test_what_http_does_not_know_is_refused_in_our_form(raw):
    status, body, headers = raw("BREW", "/")
    assert (status, headers["Content-Type"]) == (501, "application/json")
    assert set(json.loads(body)) == {"error"}


def test_a_port_that_is_taken_is_said_with_its_owner(nowhere):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with ui_server.running(nowhere, MODELS, str(port)) as sentence:
            assert f"port {port} of 127.0.0.1 is not available (process {os.getpid()}" in sentence
            assert "with SERVING_UI_PORT" in sentence


@pytest.mark.parametrize("port", ["x", "-1", "65536", "8000.0"])
def test_what_is_no_port_is_said(nowhere, port):
    with ui_server.running(nowhere, MODELS, port) as sentence:
        assert sentence.startswith(f"The page is not available: '{port}' is not a port number; choose a port")
