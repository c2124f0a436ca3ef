"""How long it takes until a server that lost workers has all of them again."""

from __future__ import annotations

import time
from collections.abc import Set

from serving.client import Client, is_ready

TIMEOUT_S = 60.0


def workers(client: Client) -> set[int]:
    """The process ids of the workers of the version that serves."""
    return {int(worker["pid"]) for worker in client.describe()["workers"]}


def wait_until_whole(client: Client, gone: Set[int]) -> float:
    """Seconds until all workers are ready, and those that are gone are not all among them. Raises TimeoutError."""
    began_s = time.monotonic()
    while (waited_s := time.monotonic() - began_s) < TIMEOUT_S:
        if is_ready(client.describe()) and not gone <= workers(client):
            return waited_s
        time.sleep(0.02)
    raise TimeoutError(f"the server was not whole after {TIMEOUT_S:.0f} s")
