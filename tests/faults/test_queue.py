"""More comes than can be answered: the rest is refused at once, and when it is over all is as before."""

from __future__ import annotations

import time

import pytest

from tests.support.archives import of_version, with_config
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
NARROW = {"batchSize": 1, "jobQueueSize": 20}
FULL = "503"
LATEST_S = 20.0  # that nobody hangs


@pytest.fixture
def narrow(faulty, archives, tmp_path):
    """Register a version with one worker that takes one request at a time; return its address for explanations."""
    one_worker = of_version(archives / "mnist.mar", tmp_path / "one.mar", "9.0")
    with_config(one_worker, faulty.server.store.folder / "narrow.mar", **NARROW)
    faulty.client.register("narrow.mar")
    yield f"{faulty.server.inference}/explanations/mnist/9.0"
    faulty.client.unregister("mnist", "9.0")


def test_the_queue_is_full(narrow, faulty, seven, record_fault):
    with Load(faulty.url, seven, rate=100) as beside, Load(narrow, seven, rate=1000) as load:
        time.sleep(3)
    with Load(narrow, seven, rate=5) as afterwards:
        time.sleep(1)
    does = f"refuses at once what is more than {NARROW['jobQueueSize']}; other versions answer"
    record_fault("10 times as much as can be answered", does, load.outcomes + beside.outcomes)
    assert set(load.outcomes) == {RIGHT, FULL}
    assert load.outcomes[RIGHT] > 50
    assert max(outcome.took_s for outcome in load.all) < LATEST_S
    assert set(beside.outcomes) == set(afterwards.outcomes) == {RIGHT}
