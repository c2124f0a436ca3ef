"""Measure how long a server that lost workers takes to recover them: for the soak and the fault tests."""

from __future__ import annotations

import time
from collections.abc import Set
from typing import Any, Protocol

TIMEOUT_S = 60.0


class ManagementClient(Protocol):
    """A client of TorchServe's management API."""

    def describe(self, model: str) -> dict[str, Any]:
        """Return the description of the version that serves."""


def worker_pids(client: ManagementClient, model: str) -> set[int]:
    """Return the process ids of the workers of the version of `model` that serves."""
    return {int(worker["pid"]) for worker in client.describe(model)["workers"]}


def wait_until_healthy(client: ManagementClient, model: str, gone: Set[int]) -> float:
    """Return the seconds until all workers of `model` are ready and not all pids in `gone` are theirs.

    Raises TimeoutError.
    """
    began_s = time.monotonic()
    while (waited_s := time.monotonic() - began_s) < TIMEOUT_S:
        description = client.describe(model)
        workers = description["workers"]
        is_ready = len(workers) >= description["minWorkers"] and all(w["status"] == "READY" for w in workers)
        if is_ready and not gone <= worker_pids(client, model):
            return waited_s
        time.sleep(0.02)
    raise TimeoutError(f"not all workers were ready after {TIMEOUT_S:.0f} s")
