"""Clients that hold on to TorchServe itself, without a gateway before it, cost nobody else an answer."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from benchmarks.load.http1 import post_request
from tests.faults import bad_clients
from tests.support.assertions import npy
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
FOR_S = 3.0
LATEST_S = 20.0  # that nobody hangs
FREE_TIMEOUT_S = 30.0


@pytest.fixture
def address(faulty):
    bad_clients.allow_descriptors(4096)
    parts = urlsplit(faulty.url)
    return parts.hostname, parts.port


@pytest.fixture
def beside(faulty, seven, record_fault):
    """Return a function that lets `fault` happen under load, and sees that others are answered and nothing is kept."""

    def run(name, does, fault):
        java = faulty.java()
        before, workers = java.num_fds(), faulty.workers()
        with Load(faulty.url, seven, rate=200) as load:
            time.sleep(0.5)
            fault()
            time.sleep(0.5)
        freed_s = wait_until(lambda: java.num_fds() < before + 50)
        record_fault(name, does, load.outcomes, freed_s)
        assert set(load.outcomes) == {RIGHT}
        assert max(outcome.took_s for outcome in load.all) < LATEST_S
        assert faulty.workers() == workers

    return run


def wait_until(condition):
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() < began_s + FREE_TIMEOUT_S
        time.sleep(0.05)
    return time.monotonic() - began_s


def holding(clients):
    def hold():
        with clients:
            time.sleep(FOR_S)

    return hold


def test_clients_leave_in_the_middle_of_a_body(beside, address):
    name = "500 clients leave in the middle of their bodies"
    beside(name, "it forgets them", lambda: bad_clients.disconnect_in_the_body(address, 500))


def test_clients_leave_before_their_answers(beside, address, seven):
    name = "500 clients leave before their answers"
    beside(name, "it answers nobody", lambda: bad_clients.disconnect_before_the_answer(address, 500, seven))


def test_clients_send_headers_a_line_at_a_time(beside, address):
    name = "200 clients send their headers line by line (slowloris)"
    beside(name, "it waits for them", holding(bad_clients.trickling(address, 200, b"X: y\r\n")))


def test_clients_send_bodies_a_byte_at_a_time(beside, address):
    start = bad_clients.PREDICT + b"Content-Length: 1000\r\n\r\n"
    name = "200 clients send their bodies byte by byte"
    beside(name, "it waits for them", holding(bad_clients.trickling(address, 200, b"x", start)))


def test_clients_never_read(beside, address):
    """Each is owed 10 MB, more than the kernel takes for it."""
    digits = npy(np.zeros((10_000, 28, 28), np.uint8))
    request = post_request("/predictions/mnist", digits, {"Content-Type": "application/x-npy"})
    clients = bad_clients.never_reading(address, 5, request, 4)
    beside("5 clients ask for 40,000 digits each and never read", "it keeps answers until they leave", holding(clients))


def test_a_thousand_connections_are_idle(beside, address):
    beside("1,000 connections are idle", "it leaves them open", holding(bad_clients.idle(address, 1000)))
