"""No path, request line, header or body leads through the gateway to anything but predictions.

Every attack is sent to the real containers. TorchServe's access log lists the requests that reached it meanwhile.
"""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

import pytest

from tests.containers.conftest import docker, ip_address, is_open
from tests.containers.raw_http import exchange, post, received

pytestmark = pytest.mark.container
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")

ATTACKS = Path(__file__).parents[1] / "payloads/gateway_attacks"


def listed(name):
    """Read one of the lists."""
    return [line for line in (ATTACKS / name).read_text().splitlines() if not line.startswith("#")]


HIDDEN = b"GET /models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = b"1\r\nx\r\n0\r\n\r\n" + HIDDEN


def smuggled(*headers: str, body: bytes = CHUNKED) -> bytes:
    """Write a request about whose end a gateway and a server could disagree; in it and behind it, others are hidden."""
    lines = ["POST /predictions/mnist HTTP/1.1", "Host: x", "Content-Type: image/png", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body + HIDDEN


CL, TE = "Content-Length", "Transfer-Encoding"
SMUGGLED = {
    "length, then chunked": smuggled(f"{CL}: {len(CHUNKED)}", f"{TE}: chunked"),
    "chunked, then length": smuggled(f"{TE}: chunked", f"{CL}: {len(CHUNKED)}"),
    "short length, then chunked": smuggled(f"{CL}: 4", f"{TE}: chunked"),
    "length 0 and chunked": smuggled(f"{CL}: 0", f"{TE}: chunked"),
    "chunked twice": smuggled(f"{TE}: chunked", f"{TE}: chunked"),
    "chunked and identity": smuggled(f"{TE}: chunked", f"{TE}: identity"),
    "identity and chunked": smuggled(f"{TE}: identity", f"{TE}: chunked"),
    "chunked, identity": smuggled(f"{TE}: chunked, identity"),
    "identity, chunked": smuggled(f"{TE}: identity, chunked"),
    "xchunked": smuggled(f"{TE}: xchunked", f"{CL}: {len(CHUNKED)}"),
    "chunkedx": smuggled(f"{TE}: chunkedx", f"{CL}: {len(CHUNKED)}"),
    "quoted chunked": smuggled(f'{TE}: "chunked"', f"{CL}: {len(CHUNKED)}"),
    "gzip, chunked": smuggled(f"{TE}: gzip, chunked"),
    "a blank before the colon": smuggled(f"{TE} : chunked", f"{CL}: {len(CHUNKED)}"),
    "a tab before the colon": smuggled(f"{TE}\t: chunked", f"{CL}: {len(CHUNKED)}"),
    "a vertical tab before chunked": smuggled(f"{TE}: \x0bchunked", f"{CL}: {len(CHUNKED)}"),
    "a byte order mark before chunked": smuggled(f"{TE}: \xef\xbb\xbfchunked", f"{CL}: {len(CHUNKED)}"),
    "a NUL after chunked": smuggled(f"{TE}: chunked\x00", f"{CL}: {len(CHUNKED)}"),
    "a folded Transfer-Encoding": smuggled(f"{TE}:\r\n chunked", f"{CL}: {len(CHUNKED)}"),
    "folded after another header": smuggled(f"X: y\r\n {TE}: chunked", f"{CL}: {len(CHUNKED)}"),
    "a carriage return before it": smuggled(f"X: y\r{TE}: chunked", f"{CL}: {len(CHUNKED)}"),
    "a line feed before it": smuggled(f"X: y\n{TE}: chunked", f"{CL}: {len(CHUNKED)}"),
    "underscores": smuggled("Transfer_Encoding: chunked", f"{CL}: {len(CHUNKED)}"),
    "two lengths": smuggled(f"{CL}: 1", f"{CL}: {1 + len(HIDDEN)}", body=b"x" + HIDDEN),
    "two lengths, the long one first": smuggled(f"{CL}: {1 + len(HIDDEN)}", f"{CL}: 1", body=b"x" + HIDDEN),
    "the same length twice": smuggled(f"{CL}: 1", f"{CL}: 1", body=b"x" + HIDDEN),
    "a list of lengths": smuggled(f"{CL}: 1, {1 + len(HIDDEN)}", body=b"x" + HIDDEN),
    "a length with a sign": smuggled(f"{CL}: +1", body=b"x" + HIDDEN),
    "a negative length": smuggled(f"{CL}: -1", body=b"x" + HIDDEN),
    "a hexadecimal length": smuggled(f"{CL}: 0x1", body=b"x" + HIDDEN),
    "a length of 2**64 + 1": smuggled(f"{CL}: {2**64 + 1}", body=b"x" + HIDDEN),
    "a length with a blank inside": smuggled(f"{CL}: 1 0", body=b"x" + HIDDEN),
    "a length before a blank": smuggled(f"{CL} : {1 + len(HIDDEN)}", body=b"x" + HIDDEN),
    "no length": smuggled(body=HIDDEN),
    "a length that is right": smuggled(f"{CL}: 1", body=b"x" + HIDDEN),
    "hidden in the body": smuggled(f"{CL}: {len(HIDDEN)}", body=HIDDEN),
    "chunk size 2**64 + 1": smuggled(f"{TE}: chunked", body=b"10000000000000001\r\nx\r\n0\r\n\r\n" + HIDDEN),
    "a negative chunk size": smuggled(f"{TE}: chunked", body=b"-1\r\nx\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size with 0x": smuggled(f"{TE}: chunked", body=b"0x1\r\nx\r\n0\r\n\r\n" + HIDDEN),
    "a chunk extension": smuggled(f"{TE}: chunked", body=b"1;a=b\r\nx\r\n0\r\n\r\n" + HIDDEN),
    "a chunk extension with a line feed": smuggled(f"{TE}: chunked", body=b"1;a\nx\r\n0\r\n\r\n" + HIDDEN),
    "chunks with line feeds": smuggled(f"{TE}: chunked", body=b"1\nx\n0\n\n" + HIDDEN),
    "a chunk longer than its size": smuggled(f"{TE}: chunked", body=b"1\r\nxyz\r\n0\r\n\r\n" + HIDDEN),
    "a trailer": smuggled(f"{TE}: chunked", body=b"1\r\nx\r\n0\r\nX-Original-URL: /models\r\n\r\n" + HIDDEN),
    "no last chunk": smuggled(f"{TE}: chunked", body=b"1\r\nx\r\n" + HIDDEN),
    "h2c": smuggled("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__",
                    f"{CL}: 1", body=b"x" + HIDDEN),
    "websocket": smuggled("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"{CL}: 1", body=b"x" + HIDDEN),
}  # fmt: skip

NO_HTTP = {
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "garbage": bytes(range(256)) * 8,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "the PROXY protocol": b"PROXY TCP4 127.0.0.1 127.0.0.1 1 8081\r\n" + post("/models", method="GET"),
    "a header without a name": b"GET /models HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "no Host": b"POST /predictions/mnist HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
    "two Hosts": post("/predictions/mnist", b"x", "Host: 127.0.0.1:8081"),
    "a broken Host": b"POST /predictions/mnist HTTP/1.1\r\nHost: x/../models\r\nContent-Length: 1\r\n\r\nx",
    "a header of 20 kB": post("/predictions/mnist", b"x", "X: " + "y" * 20_000),
    "a thousand headers": post("/predictions/mnist", b"x", *["X: " + "y" * 100] * 1000),
}


LAST = "/predictions/mnist/0.0.7"  # asked for when all else has been, to know where the log ends


def headline(line: str) -> bytes:
    """Write a request whose first line is `line`."""
    return line.encode("latin-1") + b"\r\n" + post().partition(b"\r\n")[2]


HEADERS = listed("headers.txt")
PATHS = {path: [post(path, method=method) for method in METHODS] for path in listed("paths.txt")}
REFUSED = {
    **{line: headline(line.encode().decode("unicode_escape")) for line in listed("request_lines.txt")},
    "a long method": headline("A" * 5000 + " /models HTTP/1.1"),
    "a long path": headline("GET /" + "a" * 20_000 + " HTTP/1.1"),
    **NO_HTTP,
}


@pytest.fixture(scope="module")
def outcome(service):
    """Send every attack; return the responses to each, and the requests that reached TorchServe meanwhile."""
    torchserve = service.container("torchserve")
    before = len(asked(torchserve))
    headed = {header: post("/predictions/mnist", b"x", header) for header in HEADERS}
    answers = {name: exchange(service.port, attack) for name, attack in {**REFUSED, **SMUGGLED, **headed}.items()}
    for path, requests in PATHS.items():
        answers[path] = [answer for request in requests for answer in exchange(service.port, request)]
    assert exchange(service.port, post(LAST))[0].status == 404
    lines = asked(torchserve)[before:]
    while f"POST {LAST}" not in lines:
        time.sleep(0.1)
        lines = asked(torchserve)[before:]
    return answers, lines


def asked(container):
    """Return the requests, as METHOD and path, that reached TorchServe from outside its container."""
    lines = re.findall(r'ACCESS_LOG - /([\d.]+):\d+ "(\S+ .*?) HTTP/', docker("logs", container))
    return [line for address, line in lines if address != "127.0.0.1"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_refused_with_every_method(outcome, path):
    answers = outcome[0][path]
    assert len(answers) == len(METHODS)
    for answer in answers:
        assert_refusal(answer)


@pytest.mark.parametrize("attack", REFUSED)
def test_it_is_refused(outcome, attack):
    answers = outcome[0][attack]
    assert answers, "the connection was closed without a word"
    for answer in answers:
        assert_refusal(answer)


def assert_refusal(answer):
    """Check that the gateway refused, and not TorchServe, whose answers have an x-request-id."""
    assert 400 <= answer.status < 506
    assert "x-request-id" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not answer.body or set(json.loads(answer.body)) == {"error"}


@pytest.mark.parametrize("attack", SMUGGLED)
def test_what_is_hidden_in_a_body_is_no_request_to_torchserve(outcome, attack):
    first, *rest = outcome[0][attack]
    assert first.status in (400, 405, 408, 411, 413, 501)
    # What comes behind is either never looked at, or asked of the gateway, where /models is nothing.
    assert {answer.status for answer in rest} <= {400, 404}


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_changes_what_a_request_means(outcome, header):
    *_, answer = outcome[0][header]
    assert answer.status == 400
    assert json.loads(answer.body)["error"].startswith("the 1 bytes are not an image")


def test_torchserve_was_asked_for_predictions_alone(outcome):
    assert set(outcome[1]) == {"POST /predictions/mnist", f"POST {LAST}"}


def test_there_are_as_many_attacks_as_ever():
    assert len(PATHS) * len(METHODS) + len(REFUSED) + len(SMUGGLED) + len(HEADERS) >= 966


def test_without_a_body_describe_tells_a_stranger_nothing(service):
    (answer,) = exchange(service.port, post("/predictions/mnist", b"", "describe: True"))
    assert json.loads(answer.body) == {"error": "the request has no body; send a file or JSON"}


def test_http_0_9_which_has_no_status_reaches_nothing_either(service):
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"GET /models\r\n")
        assert json.loads(received(connection)) == {"error": "not found; /openapi.yaml lists the paths"}


def test_a_host_of_another_name_is_the_same_host(service):
    request = b"GET /models HTTP/1.1\r\nHost: torchserve:8081\r\nConnection: close\r\n\r\n"
    assert [answer.status for answer in exchange(service.port, request)] == [404]


@pytest.mark.parametrize(("name", "open_ports"), [("gateway", {8000, 8001}), ("torchserve", {8080, 8082, 8090})])
def test_a_container_beside_them_reaches_no_more_than_it_should(service, name, open_ports):
    address = ip_address(service.container(name))
    found = {port for port in (22, 80, 443, 7070, 7071, *range(8000, 8100), 9000) if is_open(address, port)}
    assert found == open_ports
