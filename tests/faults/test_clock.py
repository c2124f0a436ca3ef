"""The clock of the machine jumps; libfaketime simulates it, because no test may set the real clock."""

from __future__ import annotations

import os
import shutil
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from serving.client import Client
from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports
from tests.faults.conftest import FaultServer
from tests.support.load import RIGHT, Load

pytestmark = pytest.mark.fault
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
CACHE_S = 1
BATCH = 32
RECOVERY_S = 20.0  # an upper bound; docs/fault-injection.md has the measured times
LATEST_S = 20.0  # no request hangs


class Clock:
    """The clock of a server: the true time and an offset that it reads from a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._write(timedelta(0))

    def _write(self, offset: timedelta) -> None:
        self._file.write_text(f"{offset.total_seconds():+.0f}\n")

    def jump(self, offset: timedelta) -> None:
        """Set the offset, and wait until the server has read it."""
        self._write(offset)
        time.sleep(CACHE_S + 0.5)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(CACHE_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # Linux' own does not jump either
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, waits for the monotonic clock end at wrong times
        }


@pytest.fixture
def clock(tmp_path):
    """Return a clock that tests can set."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed: apt-get install libfaketime")
    return Clock(tmp_path / "offset")


@pytest.fixture
def server_with_clock(root, archives, tmp_path, clock):
    """Run a server that takes its time from `clock`."""
    shutil.copy(archives / "mnist.mar", tmp_path)
    store = {"TS_MODEL_STORE": str(tmp_path), "TS_LOAD_MODELS": "mnist.mar"}
    environment = {**environment_of_free_ports(), **store, **clock.environment()}
    with TorchServe(root / "config.properties", tmp_path / "log", environment) as torchserve:
        with Client(torchserve.inference, torchserve.management) as connected:
            torchserve.wait_ready()
            yield FaultServer(torchserve, connected)


def test_the_clock_jumps_by_days(server_with_clock, clock, seven, record_fault):
    log = server_with_clock.server.log
    longest_s = 0.0
    with Load(server_with_clock.url, seven, rate=200) as load:
        for days in (2, -2):
            clock.jump(timedelta(days=days))
            worker = min(server_with_clock.workers())
            os.kill(worker, signal.SIGKILL)
            longest_s = max(longest_s, server_with_clock.wait_until_healthy(without=worker))
            date = f"{datetime.now() + timedelta(days=days):%Y-%m-%d}"
            assert date in log.read_text(), "it has jumped"
        time.sleep(1)
    effect = "service continues; a killed worker restarts"
    record_fault("the clock jumps 2 days ahead, then 4 back", effect, load.outcomes, longest_s)
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] <= 2 * BATCH
    assert max(outcome.took_s for outcome in load.all) < LATEST_S
    assert longest_s < RECOVERY_S
