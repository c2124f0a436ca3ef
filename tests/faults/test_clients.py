"""Clients that tie up TorchServe, without a gateway in front of it, do not affect other clients."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from benchmarks.load.http1 import post_request
from tests.faults import bad_clients
from tests.support.assertions import npy
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("faults")]
FOR_S = 2.0
LATEST_S = 20.0  # no request hangs
FREE_TIMEOUT_S = 30.0


@pytest.fixture
def address(fault_server):
    """Return the host and the port for bad clients, with enough descriptors for them."""
    bad_clients.allow_descriptors(4096)
    parts = urlsplit(fault_server.url)
    return parts.hostname, parts.port


@pytest.fixture
def check_under_load(fault_server, seven, record_fault):
    """Return a function that runs bad clients under load and checks that others get responses and nothing leaks."""

    def check(fault, effect, run_bad_clients):
        java = fault_server.java()
        before, workers = java.num_fds(), fault_server.workers()
        with Load(fault_server.url, seven, rate=200) as load:
            time.sleep(0.5)
            run_bad_clients()
            time.sleep(0.5)
        recovery_s = wait_until(lambda: java.num_fds() < before + 50)
        record_fault(fault, effect, load.outcomes, recovery_s)
        assert set(load.outcomes) == {RIGHT}
        assert max(outcome.took_s for outcome in load.all) < LATEST_S
        assert fault_server.workers() == workers

    return check


def wait_until(condition):
    """Return the seconds until `condition()` holds."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() < began_s + FREE_TIMEOUT_S
        time.sleep(0.05)
    return time.monotonic() - began_s


def holding(clients):
    """Return a function that keeps these clients connected for a while."""

    def hold():
        with clients:
            time.sleep(FOR_S)

    return hold


def test_clients_disconnect_while_they_send_their_bodies(check_under_load, address):
    fault = "500 clients disconnect while they send their bodies"
    effect = "TorchServe discards the requests"
    check_under_load(fault, effect, lambda: bad_clients.disconnect_in_the_body(address, 500))


def test_clients_disconnect_before_their_responses(check_under_load, address, seven):
    fault = "500 clients disconnect before their responses"
    effect = "TorchServe discards the responses"
    check_under_load(fault, effect, lambda: bad_clients.disconnect_before_the_answer(address, 500, seven))


def test_clients_send_headers_a_line_at_a_time(check_under_load, address):
    fault = "200 clients send their headers line by line (slowloris)"
    check_under_load(fault, "TorchServe waits for them", holding(bad_clients.trickling(address, 200, b"X: y\r\n")))


def test_clients_send_bodies_a_byte_at_a_time(check_under_load, address):
    start = bad_clients.PREDICT + b"Content-Length: 1000\r\n\r\n"
    fault = "200 clients send their bodies byte by byte"
    check_under_load(fault, "TorchServe waits for them", holding(bad_clients.trickling(address, 200, b"x", start)))


def test_clients_never_read(check_under_load, address):
    """Each requests 10 MB, more than the kernel buffers for it."""
    digits = npy(np.zeros((10_000, 28, 28), np.uint8))
    request = post_request("/predictions/mnist", digits, {"Content-Type": "application/x-npy"})
    clients = bad_clients.never_reading(address, 5, request, 4)
    fault = "5 clients request 40,000 predictions each and never read"
    check_under_load(fault, "TorchServe buffers the responses until they disconnect", holding(clients))


def test_a_thousand_connections_are_idle(check_under_load, address):
    check_under_load(
        "1,000 connections are idle", "TorchServe keeps them open", holding(bad_clients.idle(address, 1000))
    )
