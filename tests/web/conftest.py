"""The page as `make serve` serves it: the UI server in front of the session's TorchServe."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from model.config import load
from serving import ui_server
from serving.torchserve.process import TorchServe


@pytest.fixture(scope="module")
def page_url(server: TorchServe) -> Iterator[str]:
    """Serve the page, and return its URL."""
    with ui_server.running(server.inference, [load("mnist"), load("xor")], "0", server.management) as sentence:
        yield sentence.split()[-1]


@pytest.fixture(scope="module")
def slow_page_url(server: TorchServe) -> Iterator[str]:
    """Serve the page before a server that is a second away, and return its URL."""
    with (
        slow_relay(server.inference, delay_s=1) as inference,
        ui_server.running(inference, [load("mnist")], "0") as sentence,
    ):
        yield sentence.split()[-1]


@contextlib.contextmanager
def slow_relay(url: str, delay_s: float) -> Iterator[str]:
    """Relay connections to the server at `url`, each `delay_s` late. Yields the relay's URL."""
    parts = urlsplit(url)
    address = (parts.hostname, parts.port or 80)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(2**16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def relay(client: socket.socket) -> None:
        time.sleep(delay_s)
        with client, contextlib.suppress(OSError), socket.create_connection(address) as server:
            there = threading.Thread(target=copy, args=(client, server))
            there.start()
            copy(server, client)
            there.join()

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
