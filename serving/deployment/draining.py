"""Whether a version has answered everything that it was asked.

TorchServe loses what waits in a version's queue, and what its workers are at, when the version is unregistered: those
clients never get an answer. It tells how many requests wait, but not whether a worker is at one.
A worker does one thing after the other, though, and ours name themselves when asked to describe the model
("worker"): one that does has answered all that it had been given before.
"""

from __future__ import annotations

import time

from serving.client import Client, ServiceError

SETTLE_S = 0.5  # a thread of TorchServe's may have chosen the version just before another became the default
TIMEOUT_S = 60.0


def drain(client: Client, model: str, version: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Wait until `version`, which gets no more requests, has answered all; False when it has not in time."""
    time.sleep(SETTLE_S)
    deadline = time.monotonic() + timeout_s
    done: set[int] = set()
    while time.monotonic() < deadline:
        try:
            description = client.describe(model, version)
            workers = {worker["pid"] for worker in description["workers"]}
            if description["jobQueueStatus"]["pendingRequests"] == 0:
                if workers <= done:
                    return True
                done.add(client.describe(model, version, customized=True)["customizedMetadata"]["worker"])
                continue
        except ServiceError as error:
            if error.status == 404:  # somebody else has removed it
                return True
        except KeyError:  # an archive of before its workers named themselves
            time.sleep(min(5.0, timeout_s))
            return True
        time.sleep(0.05)
    return False
