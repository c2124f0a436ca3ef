"""Full disks: TorchServe serves without its log, and `deploy` fails where the model store has no space."""

from __future__ import annotations

import os
import signal
import time

import pytest

from serving.cli.main import main
from tests.support.archives import of_version
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("faults")]
RECOVERY_S = 20.0  # an upper bound; docs/fault-injection.md has the measured times
BATCH = 32


@pytest.fixture
def full_disk(small_disk, fault_server):  # noqa: ARG001 - the server starts before the disk is full
    """Fill the disk of the server to the last byte; return the file that does."""
    if not os.path.ismount(small_disk):
        pytest.skip("only root on Linux can mount a small file system")
    filler = small_disk / "filler"
    free = os.statvfs(small_disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "one more").write_bytes(b"x")
    (small_disk / "one more").unlink()
    yield filler
    filler.unlink(missing_ok=True)


def kill_a_worker(server):
    worker = min(server.workers())
    os.kill(worker, signal.SIGKILL)
    return server.wait_until_healthy(without=worker)


def test_the_disk_of_the_log_is_full(fault_server, full_disk, seven, record_fault):
    log = fault_server.server.log
    with Load(fault_server.url, seven) as load:
        before = log.stat().st_size
        recovery_s = kill_a_worker(fault_server)
        assert log.stat().st_size - before < 4096  # the rest of its last page
        full_disk.unlink()
        before = log.stat().st_size
        kill_a_worker(fault_server)
        time.sleep(1)
    effect = "service continues without a log; the worker restarts; logging resumes when there is space"
    record_fault("the disk of the log is full and a worker is killed", effect, load.outcomes, recovery_s)
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] <= 2 * BATCH
    assert recovery_s < RECOVERY_S
    assert log.stat().st_size > before


@pytest.mark.usefixtures("full_disk")
def test_the_disk_of_the_model_store_is_full(fault_server, archives, seven, tmp_path, capsys, record_fault):
    archive = of_version(archives / "mnist.mar", tmp_path / "mnist-2.0.mar", "2.0")
    server, store = fault_server.server, fault_server.server.store.folder
    addresses = ["--inference-url", server.inference, "--management-url", server.management]
    files = sorted(store.iterdir())
    with Load(fault_server.url, seven, rate=100) as load:
        time.sleep(0.5)
        code = main([*addresses, "deploy", str(archive), "--model-store", str(store)])
        time.sleep(0.5)
    effect = "`deploy` fails; the current version stays in service"
    record_fault("the disk of the model store is full", effect, load.outcomes)
    assert code == 1
    assert "No space left on device" in capsys.readouterr().err
    assert set(load.outcomes) == {RIGHT}
    assert sorted(store.iterdir()) == files
    assert [version["modelVersion"] for version in fault_server.client.describe_all("mnist")] == ["1.0"]
