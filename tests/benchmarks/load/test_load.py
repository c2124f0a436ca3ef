"""The load generators count every request, and measure its latency."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from benchmarks.load import open_loop, wrk
from benchmarks.servers.process import Server
from benchmarks.servers.registry import OURS
from common.ports import free_ports
from tests.support.load import Load

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not there: apt-get install wrk")


@pytest.fixture
def requests(server):
    running = Server(OURS)
    running.port = urlsplit(server.inference).port
    return running.port, running.sample_requests()


def test_percentiles_are_values_that_occurred():
    latencies = [n / 1000 for n in range(1, 1001)]
    assert open_loop.percentiles_ms(latencies) == pytest.approx(
        {"p50_ms": 500, "p99_ms": 990, "p999_ms": 999}, rel=0.002
    )


def test_no_answer_has_no_percentile():
    assert open_loop.percentiles_ms([]) == {"p50_ms": None, "p99_ms": None, "p999_ms": None}


def test_refused_and_broken_requests_are_no_throughput():
    counted = {"requests": 90, "duration_s": 2.0, "refused": 10, "broken": 10}
    summary = wrk.summary(counted, connections=4)
    assert summary["requests_per_s"] == 40
    assert summary["success"] == 0.8


@needs_wrk
@pytest.mark.server
def test_a_second_of_closed_loop_against_the_real_server(requests):
    measured = wrk.run(*requests, connections=4, seconds=1)
    assert measured["success"] == 1
    assert measured["requests_per_s"] > 10
    assert 0 < measured["p50_ms"] <= measured["p99_ms"] <= measured["p999_ms"]


@pytest.mark.server
def test_a_second_of_open_loop_against_the_real_server(requests):
    port, bodies = requests
    load = open_loop.OpenLoop(port, bodies, open_loop.check_digits(range(10), OURS.digit))
    measured = open_loop.run(load, rate=100, seconds=1, connections=8)
    assert measured["success"] == 1
    assert measured["due"] == len(load.latencies) > 50
    assert measured["checked"] > 0
    assert measured["wrong"] == 0


def test_a_stall_is_charged_to_all_who_would_have_come_meanwhile():
    """A server stalls for 0.5 s, then answers at once: half of a second's requests waited, not one."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=stall_then_answer, args=(listener, 0.5), daemon=True).start()
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    load = open_loop.OpenLoop(listener.getsockname()[1], [request], lambda *_: True)
    measured = open_loop.run(load, rate=200, seconds=1, connections=1)
    listener.close()
    assert measured["success"] == 1
    assert sum(latency > 0.1 for _, latency in load.latencies) > 50


def stall_then_answer(listener, stall_s):
    connection, _ = listener.accept()
    with connection:
        time.sleep(stall_s)
        while data := connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * data.count(b"POST"))


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"digit":7}', "right"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"digit":1}', "wrong"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "TypeError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[", "broken"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"nonsense\r\n\r\n", "HttpParserError"),
        (b"", "broken"),
    ],
)
def test_a_constant_load_counts_every_request_whatever_comes_back(response, outcome):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=answer_each, args=(listener, response), daemon=True).start()
    with Load(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"", rate=100) as load:
        time.sleep(0.2)
    listener.close()
    assert set(load.outcomes) == {outcome}
    assert load.outcomes[outcome] > 10


def answer_each(listener, response):
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                # Without it, the client may send its next request to a connection that is just being closed.
                connection.sendall(response.replace(b"\r\nContent", b"\r\nConnection: close\r\nContent", 1))


def test_ports_in_a_row_are_free():
    first = free_ports(5)
    for port in range(first, first + 5):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.skipif(sys.platform != "linux", reason="adopting orphans is Linux's")
def test_a_server_leaves_no_process_behind_not_even_a_daemon(root, tmp_path):
    script = f"""
import pathlib, time, psutil
from benchmarks.servers.process_tree import ProcessTree
command = ["sh", "-c", "setsid sh -c 'sleep 98.5 & sleep 98.6' & exec sleep 98.7"]
log = pathlib.Path({str(tmp_path / "log")!r})
with ProcessTree(command, {{"PATH": "/usr/bin:/bin"}}, pathlib.Path("."), log) as tree:
    time.sleep(0.5)
    assert len(tree.processes()) == 4, tree.processes()
    assert tree.memory_mb() > 0
assert psutil.Process().children(recursive=True) == []
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
