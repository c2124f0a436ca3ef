"""Workers crash or hang under load: only the requests in their batches fail, and TorchServe replaces them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.conftest import RESPONSE_TIMEOUT_S
from tests.support.archives import of_version, with_config
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("faults")]
BATCH = 32  # batchSize in model/mnist/model-config.yaml
RECOVERY_S = 20.0  # an upper bound; docs/fault-injection.md has the measured times
DIED = "500"
STEADY_S = 0.5  # of load before a fault and after the recovery


def test_a_worker_is_killed(fault_server, seven, record_fault):
    worker = min(fault_server.workers())
    with Load(fault_server.url, seven) as load:
        time.sleep(STEADY_S)
        killed_s = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        recovery_s = fault_server.wait_until_healthy(without=worker)
        time.sleep(STEADY_S)
    effect = "its batch fails; TorchServe starts another"
    record_fault("a worker is killed (SIGKILL)", effect, load.outcomes, recovery_s)
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[DIED] <= BATCH
    assert all(killed_s - 1 < outcome.sent_s < killed_s + 1 for outcome in load.failed)
    assert recovery_s < RECOVERY_S


def test_both_workers_are_killed_at_once(fault_server, seven, record_fault):
    workers = fault_server.workers()
    with Load(fault_server.url, seven, rate=200) as load:
        time.sleep(STEADY_S)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        recovery_s = max(fault_server.wait_until_healthy(without=worker) for worker in workers)
        time.sleep(STEADY_S)
    effect = "their batches fail; other requests wait"
    record_fault("all workers are killed at once (SIGKILL)", effect, load.outcomes, recovery_s)
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[DIED] <= 2 * BATCH
    assert recovery_s < RECOVERY_S


def test_a_worker_is_killed_while_it_waits_for_a_full_batch(fault_server, archives, tmp_path, seven):
    """TorchServe waits up to maxBatchDelay for more requests; without our patch, such a batch never got a response."""
    patient = with_config(archives / "mnist.mar", tmp_path / "mnist.mar", maxBatchDelay=10_000_000)
    of_version(patient, fault_server.server.store.folder / "patient.mar", "2.0")
    fault_server.client.register("patient.mar")
    try:
        (worker,) = fault_server.client.describe("mnist", "2.0")["workers"]
        with Load(f"{fault_server.url}/2.0", seven, rate=100, timeout_s=20) as load:
            time.sleep(STEADY_S)
            os.kill(worker["pid"], signal.SIGKILL)
            time.sleep(STEADY_S)
    finally:
        fault_server.client.unregister("mnist", "2.0")
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert load.outcomes[RIGHT] > 0


def test_a_worker_hangs(fault_server, seven, record_fault):
    worker = min(fault_server.workers())
    with Load(fault_server.url, seven) as load:
        time.sleep(STEADY_S)
        os.kill(worker, signal.SIGSTOP)
        recovery_s = fault_server.wait_until_healthy(without=worker)
        time.sleep(STEADY_S)
    record_fault(
        f"a worker hangs (SIGSTOP, responseTimeout {RESPONSE_TIMEOUT_S} s)",
        "TorchServe replaces it after the timeout; its batch fails",
        load.outcomes,
        recovery_s,
    )
    assert set(load.outcomes) <= {RIGHT, DIED}
    assert 0 < load.outcomes[DIED] <= BATCH
    assert recovery_s < RESPONSE_TIMEOUT_S + RECOVERY_S
    assert max(outcome.took_s for outcome in load.all) < RESPONSE_TIMEOUT_S + RECOVERY_S
