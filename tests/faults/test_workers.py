"""Workers end or hang under load: what they had in their hands fails, nothing else, and they come back."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.conftest import RESPONSE_TIMEOUT_S
from tests.support.archives import of_version, with_config
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
BATCH = 32  # batchSize in model/mnist/model-config.yaml
RECOVERY_S = 20.0  # that it comes back; how soon is in docs/faults.md
DIED = "500"


def test_a_worker_is_killed(faulty, seven, record_fault):
    worker = min(faulty.workers())
    with Load(faulty.url, seven) as load:
        time.sleep(1)
        killed_s = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        whole_s = faulty.wait_until_whole(without=worker)
        time.sleep(1)
    record_fault("a worker is killed (-9)", "its batch is lost, another comes", load.outcomes, whole_s)
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[DIED] <= BATCH
    assert all(killed_s - 1 < outcome.sent_s < killed_s + 1 for outcome in load.failed)
    assert whole_s < RECOVERY_S


def test_both_workers_are_killed_at_once(faulty, seven, record_fault):
    workers = faulty.workers()
    with Load(faulty.url, seven, rate=200) as load:
        time.sleep(1)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        whole_s = max(faulty.wait_until_whole(without=worker) for worker in workers)
        time.sleep(1)
    record_fault("all workers are killed (-9) at once", "the rest waits", load.outcomes, whole_s)
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[DIED] <= 2 * BATCH
    assert whole_s < RECOVERY_S


def test_a_worker_is_killed_whose_batch_is_not_full(faulty, archives, tmp_path, seven):
    """TorchServe waits up to maxBatchDelay for more, and without our patch such a batch never got an answer."""
    patient = with_config(archives / "mnist.mar", tmp_path / "mnist.mar", maxBatchDelay=10_000_000)
    of_version(patient, faulty.server.store.folder / "mnist-2.0.mar", "2.0")
    faulty.client.register("mnist-2.0.mar")
    try:
        (worker,) = faulty.client.describe("mnist", "2.0")["workers"]
        with Load(f"{faulty.url}/2.0", seven, rate=100, timeout_s=20) as load:
            time.sleep(0.5)
            os.kill(worker["pid"], signal.SIGKILL)
            time.sleep(0.5)
    finally:
        faulty.client.unregister("mnist", "2.0")
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[RIGHT] > 0


def test_a_worker_hangs(faulty, seven, record_fault):
    worker = min(faulty.workers())
    with Load(faulty.url, seven) as load:
        time.sleep(1)
        os.kill(worker, signal.SIGSTOP)
        whole_s = faulty.wait_until_whole(without=worker)
        time.sleep(1)
    record_fault(
        f"a worker hangs (stopped; responseTimeout {RESPONSE_TIMEOUT_S} s)",
        "it is replaced once that time is over, its batch is lost",
        load.outcomes,
        whole_s,
    )
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert 0 < load.outcomes[DIED] <= BATCH
    assert whole_s < RESPONSE_TIMEOUT_S + RECOVERY_S
    assert max(outcome.took_s for outcome in load.all) < RESPONSE_TIMEOUT_S + RECOVERY_S
