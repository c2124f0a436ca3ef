"""The clock of the machine jumps; libfaketime stands for it, because no test may set the real one."""

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
from tests.faults.conftest import Faulty
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
BATCH = 32
RECOVERY_S = 20.0  # that it comes back; how soon is in docs/faults.md
LATEST_S = 20.0  # that nobody hangs


class Clock:
    """What the server takes for the time: the true one and an offset, which it reads from a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.jump(timedelta(0))

    def jump(self, offset: timedelta) -> None:
        self.file.write_text(f"{offset.total_seconds():+.0f}\n")
        time.sleep(1.5)  # it is looked at every second

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # Linux' own does not jump either
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, waits for the monotonic clock end at wrong times
        }


@pytest.fixture
def clock(tmp_path):
    if LIBRARY is None:
        pytest.skip("libfaketime is not there: apt-get install libfaketime")
    return Clock(tmp_path / "offset")


@pytest.fixture
def server(root, archives, tmp_path, clock):
    shutil.copy(archives / "mnist.mar", tmp_path)
    store = {"TS_MODEL_STORE": str(tmp_path), "TS_LOAD_MODELS": "mnist.mar"}
    environment = {**environment_of_free_ports(), **store, **clock.environment()}
    with TorchServe(root / "config.properties", tmp_path / "log", environment) as running:
        with Client(running.inference, running.management) as client:
            running.wait_ready()
            yield Faulty(running, client)


def test_the_clock_jumps_by_days(server, clock, seven, record_fault):
    log = server.server.log
    longest_s = 0.0
    with Load(server.url, seven, rate=200) as load:
        for days in (2, -2):
            clock.jump(timedelta(days=days))
            worker = min(server.workers())
            os.kill(worker, signal.SIGKILL)
            longest_s = max(longest_s, server.wait_until_whole(without=worker))
            date = f"{datetime.now() + timedelta(days=days):%Y-%m-%d}"
            assert date in log.read_text(), "it has jumped"
        time.sleep(1)
    does = "answers on; a worker that is killed then comes back"
    record_fault("the clock jumps 2 days ahead, then 4 back", does, load.outcomes, longest_s)
    assert set(load.outcomes) <= {RIGHT, "500"}
    assert load.outcomes["500"] <= 2 * BATCH
    assert max(outcome.took_s for outcome in load.all) < LATEST_S
    assert longest_s < RECOVERY_S
