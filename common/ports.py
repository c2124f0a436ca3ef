"""Find free ports for servers that a test or a benchmark starts."""

from __future__ import annotations

import random
import socket

# Below those that Linux (from 32768) and the others give to outgoing connections: one of these might take a port
# between this look at it and the server's start.
FIRST, LAST = 20_000, 32_000


def free_ports(count: int) -> int:
    """Return the first of `count` consecutive ports that are free."""
    while True:
        first = random.randint(FIRST, LAST)  # noqa: S311 - only to keep out of each other's way
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
            return first
        except OSError:
            continue
