"""Requests that are too many, too large or too slow are refused in bounded time, and cost other clients nothing."""

from __future__ import annotations

import json
import socket
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from tests.containers.conftest import docker, ip_address, run_container, run_gateway, wait_healthy
from tests.containers.raw_http import answers, post, received
from tests.support.assertions import npy

pytestmark = pytest.mark.container
PNG = {"Content-Type": "image/png"}
SMALL_QUEUE = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 1, "jobQueueSize": 1}
LONGEST_S = 60.0  # the gateway's own limit is 10 s


def ask(url, body=b"x", **options):
    """Post from a session of its own, like independent clients."""
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=body, headers=PNG, timeout=LONGEST_S, **options)


def at_once(ask, times):
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(lambda _: ask(), range(times)))


def assert_told_to_come_again(answers):
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    for answer in refused:
        assert answer.headers["Retry-After"] == "1"
        assert answer.json() == {"error": "too many requests at once; slow down"}


@pytest.fixture
def small_queue(service, tmp_path):
    """Run a TorchServe that takes one request and lets one more wait, and a gateway to it; return its address."""
    store = tmp_path / "store"
    store.mkdir(mode=0o755)
    for name in ("mnist.mar", "xor.mar"):
        with (
            zipfile.ZipFile(service.images.source / "model_store" / name) as old,
            zipfile.ZipFile(store / name, "w") as new,
        ):
            for member in old.namelist():
                text = old.read(member)
                if name == "mnist.mar" and member == "model-config.yaml":
                    text = "".join(f"{key}: {value}\n" for key, value in SMALL_QUEUE.items()).encode()
                new.writestr(member, text)
    options = [f"--volume={store}:/app/model_store:ro", "--network-alias=small", "--tmpfs=/tmp:exec,mode=1777"]
    with run_container(service, "torchserve", *options) as container:
        wait_healthy(container)
        with run_gateway(service, "--env=TORCHSERVE=small") as url:
            yield url


@pytest.mark.fault
def test_a_full_queue_is_429_and_whoever_waits_is_answered(small_queue, seven, record_fault):
    hundred = npy(np.zeros((100, 28, 28), np.uint8))
    given = at_once(lambda: ask(f"{small_queue}/explanations/mnist", hundred), 12)
    assert {answer.status_code for answer in given} == {200, 429}
    assert_told_to_come_again(given)
    counts = Counter("right" if answer.status_code == 200 else str(answer.status_code) for answer in given)
    record_fault("gateway: 12 requests at once, with room for 2", "the others get 429 with Retry-After", counts)
    assert ask(f"{small_queue}/predictions/mnist", seven).json()["digit"] == 7


def test_more_requests_than_an_address_may_send_are_429(service, http):
    with run_gateway(service, "--env=RATE_LIMIT=5") as url:
        given = [http.get(f"{url}/health") for _ in range(40)]
        assert {answer.status_code for answer in given} == {200, 429}
        assert [answer.status_code for answer in given[:5]] == [200] * 5
        assert_told_to_come_again(given)


def test_more_connections_than_an_address_may_have_are_429(service, seven):
    with run_gateway(service, "--env=CONNECTION_LIMIT=3") as url:
        address = (url.split("/")[2].split(":")[0], 8000)
        unfinished = post(body=bytes(100)).removesuffix(bytes(100))
        held = [socket.create_connection(address) for _ in range(3)]
        for connection in held:
            connection.sendall(unfinished)
        time.sleep(1)  # the gateway has read them
        assert_told_to_come_again([ask(f"{url}/predictions/mnist", seven)])
        for connection in held:
            connection.close()
        time.sleep(1)
        assert ask(f"{url}/predictions/mnist", seven).json()["digit"] == 7


def test_a_limit_that_is_no_number_is_named(service):
    with run_container(service, "gateway", "--tmpfs=/tmp:mode=1777", "--env=RATE_LIMIT=many") as container:
        assert docker("wait", container).strip() == "1"
        logs = docker("logs", container, stderr_too=True)
        assert "error: RATE_LIMIT is many; it must be a whole number of 1 or more" in logs


def trickle_headers(gateway_address):
    with socket.create_connection(gateway_address, timeout=1) as connection:
        connection.sendall(b"POST /predictions/mnist HTTP/1.1\r\nHost: x\r\n")
        assert_cut_off(connection, lambda: connection.sendall(b"X: y\r\n"))


def pause_in_the_body(gateway_address):
    with socket.create_connection(gateway_address, timeout=1) as connection:
        connection.sendall(post(body=bytes(1000))[:-500])
        assert_cut_off(connection, lambda: None)


def never_read(gateway_address):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        connection.connect(gateway_address)
        page = b"GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n"
        assert_cut_off(connection, lambda: connection.sendall(page * 1000), reading=False)


SLOW_CLIENTS = {
    "headers that trickle": trickle_headers,
    "a body that pauses": pause_in_the_body,
    "a client that never reads": never_read,
}


@pytest.fixture(scope="module")
def slow_clients(service):
    """Start all slow clients at once; yield the future of each, which raises if the gateway does not cut it off."""
    gateway_address = ip_address(service.container("gateway")), 8000
    with ThreadPoolExecutor(len(SLOW_CLIENTS)) as pool:
        yield {name: pool.submit(client, gateway_address) for name, client in SLOW_CLIENTS.items()}


@pytest.mark.parametrize("name", SLOW_CLIENTS)
def test_a_slow_client_is_cut_off(slow_clients, name):
    slow_clients[name].result(timeout=2 * LONGEST_S)


def assert_cut_off(connection, go_on, *, reading=True):
    """Go on until the server has closed or reset the connection."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        try:
            go_on()
            if reading:
                assert connection.recv(65536) == b""  # the end, without a word
                return
        except TimeoutError:
            pass
        except ConnectionError:
            return
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return
    pytest.fail(f"it was not cut off within {LONGEST_S} s")


def test_a_hundred_slow_clients_keep_nobody_from_an_answer(gateway_address, service, seven):
    held = [socket.create_connection(gateway_address) for _ in range(100)]
    for connection in held:
        connection.sendall(post(body=bytes(1000))[:-500])
    assert ask(f"{service.url}/predictions/mnist", seven).json()["digit"] == 7
    for connection in held:
        connection.close()


def test_8_mib_pass_and_one_byte_more_does_not(service):
    passed, refused = (ask(f"{service.url}/predictions/mnist", bytes(8 * 2**20 + more)) for more in (0, 1))
    assert passed.json()["error"].startswith("the 8388608 bytes are not an image")
    assert refused.status_code == 413
    assert refused.json() == {"error": "the body is larger than 8 MiB"}


@pytest.mark.parametrize("body", [bytes(50_000_000), (bytes(100_000) for _ in range(500))], ids=["length", "chunked"])
def test_50_mb_are_refused_and_the_refusal_arrives(service, body):
    assert ask(f"{service.url}/predictions/mnist", body).json() == {"error": "the body is larger than 8 MiB"}


def test_many_large_bodies_at_once_fill_nothing_up(service, seven):
    url = f"{service.url}/predictions/mnist"
    with ThreadPoolExecutor(1) as pool:
        given = pool.submit(at_once, lambda: ask(url, bytes(8 * 2**20)), 60)
        while not given.done():
            assert ask(url, seven).json()["digit"] == 7
    assert {answer.status_code for answer in given.result()} == {400, 429}
    assert_told_to_come_again(given.result())


def test_connections_to_torchserve_are_used_again(service, http, seven):
    torchserve = service.container("torchserve")
    script = (
        "import psutil; print(*{c.raddr[1] for c in psutil.net_connections('tcp') if c.laddr[1] == 8080 and c.raddr "
    )
    script += "and c.raddr[0] not in ('127.0.0.1', c.laddr[0])})"  # in any state: those closed stay in TIME_WAIT

    def seen():
        return set(docker("exec", torchserve, "python", "-c", script).split())

    http.post(f"{service.url}/predictions/mnist", data=seven, headers=PNG)
    before = seen()
    for _ in range(200):
        http.post(f"{service.url}/predictions/mnist", data=seven, headers=PNG)
    assert len(seen() - before) < 10  # one for each process of nginx that had none yet


def test_answers_are_compressed_for_those_who_say_so(service, http, seven):
    plain, packed = (
        http.post(f"{service.url}/explanations/mnist", data=seven, headers={**PNG, "Accept-Encoding": encoding})
        for encoding in ("identity", "gzip")
    )
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.json()["digit"] == plain.json()["digit"] == 7


def test_where_no_server_is_that_is_503_in_our_words(service, http, seven):
    with run_gateway(service, "--env=TORCHSERVE=nobody") as url:
        for answer in (http.get(f"{url}/health"), ask(f"{url}/predictions/mnist", seven)):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "5"
            assert answer.json() == {"error": "no server is ready; try again in a moment"}


def test_a_broken_form_is_refused_in_our_words(service, http):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = http.post(f"{service.url}/predictions/mnist", data=b"--x\r\n\r\nbroken", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == "the multipart form cannot be read; send one as curl -F file=@FILE does"


def test_a_version_that_is_not_served_is_refused_in_our_words(service, seven):
    answer = ask(f"{service.url}/predictions/mnist/9.9", seven)
    assert answer.status_code == 404
    assert answer.json() == {"error": "this version is not served; leave the version out to use the default"}


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (b"\x16\x03\x01" + bytes(100), 400, "the request is not valid HTTP"),
        (post("/nothing"), 404, "not found; /openapi.yaml lists the paths"),
        (post(method="GET"), 405, "this path accepts only POST, PUT"),
        (post("/health"), 405, "this path accepts only GET, HEAD"),
        (post("/" + "a" * 9000), 414, "the request URI is longer than 8 kB; send the data in the body"),
        (post("/", b"x", "X: " + "y" * 9000), 431, "the headers are larger than 8 kB"),
        (
            post("/predictions/mnist", b"5\r\nxyz", "Transfer-Encoding: x"),
            501,
            "this Transfer-Encoding is not supported",
        ),
        (post().replace(b"HTTP/1.1", b"HTTP/3.1"), 505, "this version of HTTP is not supported; use 1.1"),
        (post("/predictions/mnist", b"x\r\nzz", "Transfer-Encoding: chunked"), 400, "the request is not valid HTTP"),
    ],
)
def test_every_error_of_the_gateway_itself_is_a_sentence(gateway_address, request_, status, sentence):
    with socket.create_connection(gateway_address, timeout=LONGEST_S) as connection:
        connection.sendall(request_)
        (answer,) = answers(received(connection), "POST")
    assert answer.status == status
    assert json.loads(answer.body)["error"].startswith(sentence)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    if status == 405:
        assert answer.headers["allow"] in answer.body.decode()
