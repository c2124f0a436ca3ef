"""Clients that tie up a server: they disconnect early, stay idle, send slowly or never read."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

Address = tuple[str, int]
PREDICT = b"POST /predictions/mnist HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
CLOSE_WITH_RESET = struct.pack("ii", 1, 0)
TIMEOUT_S = 20.0
INTERVAL_S = 0.5  # between the pieces that a slow client sends


def allow_descriptors(count: int) -> None:
    """Raise the limit of open files of this process, which servers inherit, if it is below `count`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _connect(address: Address, count: int, receive_bytes: int | None = None) -> list[socket.socket]:
    connections = []
    for _ in range(count):
        connection = socket.socket()
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(TIMEOUT_S)
        connection.connect(address)
        connections.append(connection)
    return connections


def disconnect_in_the_body(address: Address, count: int) -> None:
    """Close half of the connections in order and half with a reset, each in the middle of its body."""
    for i, connection in enumerate(_connect(address, count)):
        connection.sendall(PREDICT + b"Content-Length: 100000\r\n\r\n" + bytes(50_000))
        if i % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RESET)
        connection.close()


def disconnect_before_the_answer(address: Address, count: int, body: bytes) -> None:
    """Send whole requests and reset the connections before the responses."""
    for connection in _connect(address, count):
        connection.sendall(PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RESET)
        connection.close()


@contextlib.contextmanager
def idle(address: Address, count: int) -> Iterator[Sequence[socket.socket]]:
    """Connect and send nothing."""
    connections = _connect(address, count)
    yield connections
    _close(connections)


@contextlib.contextmanager
def trickling(address: Address, count: int, piece: bytes, start: bytes = PREDICT) -> Iterator[Sequence[socket.socket]]:
    """Begin a request and then send `piece` every half second (slowloris)."""
    connections = _connect(address, count)
    stopped = threading.Event()

    def trickle() -> None:
        _each(connections, lambda connection: connection.sendall(start))
        while not stopped.wait(INTERVAL_S):
            _each(connections, lambda connection: connection.sendall(piece))

    thread = threading.Thread(target=trickle)
    thread.start()
    yield connections
    stopped.set()
    thread.join()
    _close(connections)


@contextlib.contextmanager
def never_reading(address: Address, count: int, request: bytes, times: int) -> Iterator[Sequence[socket.socket]]:
    """Send `request` `times` on each connection, as far as the server accepts it, and read nothing."""
    connections = _connect(address, count, receive_bytes=4096)
    for connection in connections:
        connection.settimeout(0.2)
    threads = [threading.Thread(target=_send_until_blocked, args=(c, request * times)) for c in connections]
    for thread in threads:
        thread.start()
    yield connections
    for thread in threads:
        thread.join()
    _close(connections)


def _send_until_blocked(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _each(connections: Sequence[socket.socket], do: Callable[[socket.socket], object]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # the server has closed it
            do(connection)


def _close(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()
