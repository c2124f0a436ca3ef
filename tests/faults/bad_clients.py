"""Clients that hold on to a server without meaning well, as many at once as the caller says."""

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
BITE_S = 0.5  # between the bytes of a client that is slow


def allow_descriptors(count: int) -> None:
    """Raise this process' own limit of open files, which servers inherit, where it is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def connected(address: Address, count: int, receive_bytes: int | None = None) -> list[socket.socket]:
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
    """Half of them close in order, half with a reset, each in the middle of its body."""
    for i, connection in enumerate(connected(address, count)):
        connection.sendall(PREDICT + b"Content-Length: 100000\r\n\r\n" + bytes(50_000))
        if i % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RESET)
        connection.close()


def disconnect_before_the_answer(address: Address, count: int, body: bytes) -> None:
    """Ask for something whole, and be gone before it is there."""
    for connection in connected(address, count):
        connection.sendall(PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RESET)
        connection.close()


@contextlib.contextmanager
def idle(address: Address, count: int) -> Iterator[Sequence[socket.socket]]:
    """Connect and say nothing."""
    connections = connected(address, count)
    yield connections
    _close(connections)


@contextlib.contextmanager
def trickling(address: Address, count: int, bite: bytes, start: bytes = PREDICT) -> Iterator[Sequence[socket.socket]]:
    """Begin a request, and then send a bite every half second: slowloris."""
    connections = connected(address, count)
    stopped = threading.Event()

    def trickle() -> None:
        _each(connections, lambda connection: connection.sendall(start))
        while not stopped.wait(BITE_S):
            _each(connections, lambda connection: connection.sendall(bite))

    thread = threading.Thread(target=trickle)
    thread.start()
    yield connections
    stopped.set()
    thread.join()
    _close(connections)


@contextlib.contextmanager
def never_reading(address: Address, count: int, request: bytes, times: int) -> Iterator[Sequence[socket.socket]]:
    """Ask `times` on each connection, as far as the server takes it, and read nothing."""
    connections = connected(address, count, receive_bytes=4096)
    for connection in connections:
        connection.settimeout(0.2)
    threads = [threading.Thread(target=_send_all_that_is_taken, args=(c, request * times)) for c in connections]
    for thread in threads:
        thread.start()
    yield connections
    for thread in threads:
        thread.join()
    _close(connections)


def _send_all_that_is_taken(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _each(connections: Sequence[socket.socket], do: Callable[[socket.socket], object]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # the server has had enough of it
            do(connection)


def _close(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()
