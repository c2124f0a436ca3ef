"""Wait until a version has answered all its requests.

When a version is unregistered, TorchServe drops the requests in its queue and those in its workers: their clients never
get a response. TorchServe reports the length of the queue, but not whether a worker is busy.
A worker handles one batch after the other, though, and ours return their process id when asked to describe the model
("worker"): a worker that answers a describe request has answered all earlier requests.
"""

from __future__ import annotations

import time

from serving.client import ManagementClient, ServiceError

SETTLE_S = 0.5  # a thread of TorchServe may have chosen the version just before another became the default
TIMEOUT_S = 60.0


def drain(client: ManagementClient, model: str, version: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Wait until `version`, which gets no new requests, has answered all. Returns False after `timeout_s`."""
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
            if error.status == 404:  # another process has removed it
                return True
        except KeyError:  # an old archive, whose workers do not return their process id
            time.sleep(min(5.0, timeout_s))
            return True
        time.sleep(0.05)
    return False
