"""Disks that are full: TorchServe serves on without its log, and a version that cannot be kept is not deployed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from serving.cli.main import main
from serving.client import Client
from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports
from tests.faults.conftest import Faulty
from tests.support.archives import of_version
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
RECOVERY_S = 20.0  # that it comes back; how soon is in docs/faults.md
BATCH = 32


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """Mount a file system of 3 MB, which holds one archive but not two."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small file system can be mounted by Linux' root alone")
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "faults", folder], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def on_disk(root, archives, disk):
    """Run a server that has its log and its archives there."""
    shutil.copy(archives / "mnist.mar", disk)
    environment = {**environment_of_free_ports(), "TS_MODEL_STORE": str(disk), "TS_LOAD_MODELS": "mnist.mar"}
    with TorchServe(root / "config.properties", disk / "log", environment) as server:
        with Client(server.inference, server.management) as client:
            server.wait_ready()
            yield Faulty(server, client)


@pytest.fixture
def full(disk):
    """Return a file that leaves no byte on the disk."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(OSError, match="No space left"):
        (disk / "one more").write_bytes(b"x")
    (disk / "one more").unlink()
    yield filler
    filler.unlink(missing_ok=True)


def kill_a_worker(server):
    worker = min(server.workers())
    os.kill(worker, signal.SIGKILL)
    return server.wait_until_whole(without=worker)


def test_the_disk_of_the_log_is_full(on_disk, full, seven, record_fault):
    log = on_disk.server.log
    with Load(on_disk.url, seven) as load:
        before = log.stat().st_size
        whole_s = kill_a_worker(on_disk)
        assert log.stat().st_size - before < 4096  # what was left of its last page
        full.unlink()
        before = log.stat().st_size
        kill_a_worker(on_disk)
        time.sleep(1)
    does = "serves on without a log, a killed worker comes back; logs again once there is room"
    record_fault("the disk of the log is full, a worker is killed", does, load.outcomes, whole_s)
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] <= 2 * BATCH
    assert whole_s < RECOVERY_S
    assert log.stat().st_size > before


@pytest.mark.usefixtures("full")
def test_the_disk_of_the_model_store_is_full(on_disk, archives, seven, tmp_path, capsys, record_fault):
    archive = of_version(archives / "mnist.mar", tmp_path / "mnist-2.0.mar", "2.0")
    server, store = on_disk.server, on_disk.server.store.folder
    addresses = ["--inference-url", server.inference, "--management-url", server.management]
    files = sorted(store.iterdir())
    with Load(on_disk.url, seven, rate=100) as load:
        time.sleep(0.5)
        code = main([*addresses, "deploy", str(archive), "--model-store", str(store)])
        time.sleep(0.5)
    record_fault("the disk of the model store is full", "`deploy` fails, the old version serves on", load.outcomes)
    assert code == 1
    assert "No space left on device" in capsys.readouterr().err
    assert set(load.outcomes) == {RIGHT}
    assert sorted(store.iterdir()) == files
    assert [version["modelVersion"] for version in on_disk.client.describe_all()] == ["1.0"]
