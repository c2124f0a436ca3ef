"""Load beyond the capacity: TorchServe rejects the excess at once and recovers when the load ends."""

from __future__ import annotations

import time

import pytest

from tests.support.archives import of_version, with_config
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("faults")]
QUEUE = 20
SHORT_QUEUE = {"batchSize": 1, "jobQueueSize": QUEUE}
FULL = "503"
LATEST_S = 20.0  # no request hangs


@pytest.fixture
def short_queue_url(fault_server, archives, tmp_path):
    """Register a version with one worker, batches of one and a short queue; return the URL of its explanations."""
    one_worker = of_version(archives / "mnist.mar", tmp_path / "one.mar", "9.0")
    with_config(one_worker, fault_server.server.store.folder / "short-queue.mar", **SHORT_QUEUE)
    fault_server.client.register("short-queue.mar")
    yield f"{fault_server.server.inference}/explanations/mnist/9.0"
    fault_server.client.unregister("mnist", "9.0")


def test_the_queue_is_full(short_queue_url, fault_server, seven, record_fault):
    with Load(fault_server.url, seven, rate=100) as others, Load(short_queue_url, seven, rate=1000) as load:
        time.sleep(3)
    with Load(short_queue_url, seven, rate=5) as afterwards:
        time.sleep(1)
    effect = f"requests beyond a queue of {QUEUE} get 503 at once; other versions are not affected"
    record_fault("load is 10 times the capacity", effect, load.outcomes + others.outcomes)
    assert set(load.outcomes) == {RIGHT, FULL}
    assert load.outcomes[RIGHT] > 50
    assert max(outcome.took_s for outcome in load.all) < LATEST_S
    assert set(others.outcomes) == set(afterwards.outcomes) == {RIGHT}
