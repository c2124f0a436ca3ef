"""Servers stop, restart and die; only a killed server loses requests."""

from __future__ import annotations

import contextlib
import time

import pytest

from serving.torchserve.supervisor import LOG, MIN_UPTIME_S
from tests.containers.conftest import docker, inspect
from tests.support.load import RIGHT, Load
from tests.support.polling import wait_for

pytestmark = pytest.mark.container
RECOVERY_S = 20.0  # that it comes back; how soon is in docs/fault-injection.md
JAVA_UPTIME_S = """
import psutil, time
print(*(time.time() - process.create_time() for process in psutil.process_iter() if process.name() == "java"))
"""
KILL_JAVA = "import psutil; [p.kill() for p in psutil.process_iter() if p.name() == 'java']"


@pytest.mark.fault
def test_stopped_under_load_it_answers_all_that_it_took(service, seven, record_fault):
    torchserve = service.container("torchserve")
    try:
        with Load(f"{service.url}/predictions/mnist", seven, rate=200) as load:
            time.sleep(3)
            began = time.monotonic()
            docker("stop", "--time", "40", torchserve)
            took_s = time.monotonic() - began
            time.sleep(1)
        # Then there is no server, and the gateway says so.
        assert set(load.outcomes) == {RIGHT, "503"}
        assert load.outcomes[RIGHT] > 500
        assert took_s < 15
        assert inspect(torchserve)["State"]["ExitCode"] == 0
        effect = "it responds to accepted requests and exits with 0; then the gateway returns 503"
        record_fault("the only server gets SIGTERM", effect, load.outcomes)
    finally:
        docker("start", torchserve)
        service.wait_for(1)


@pytest.mark.fault
def test_one_of_three_restarted_under_load_costs_nobody_anything(service, seven, record_fault):
    service.up(replicas=3)
    try:
        with Load(f"{service.url}/predictions/mnist", seven, rate=200) as load:
            time.sleep(1)
            docker("restart", "--time", "40", service.containers("torchserve")[1])
            service.wait_for(3)
            wait_for(lambda: len(load.all) > 3000, 60)
        assert set(load.outcomes) == {RIGHT}
        assert load.outcomes[RIGHT] > 3000
        record_fault("one of three servers restarts", "the other servers take its requests", load.outcomes)
    finally:
        service.up(replicas=1)


@pytest.mark.fault
def test_when_torchserve_dies_it_is_started_anew_in_its_container(service, seven, record_fault):
    torchserve = service.container("torchserve")
    restarts = inspect(torchserve)["RestartCount"]
    wait_for(lambda: float(docker("exec", torchserve, "python", "-c", JAVA_UPTIME_S)) > MIN_UPTIME_S)
    with Load(f"{service.url}/predictions/mnist", seven, rate=100) as load:
        time.sleep(1)
        docker("exec", torchserve, "python", "-c", KILL_JAVA)
        wait_until_recovered(load)
    failed = [outcome.sent_s for outcome in load.failed]
    recovery_s = max(failed) - min(failed)
    effect = "the container restarts it; meanwhile the gateway returns 503 with Retry-After"
    record_fault("the only server's Java is killed (SIGKILL)", effect, load.outcomes, recovery_s)
    assert set(load.outcomes) == {RIGHT, "503"}
    assert recovery_s < RECOVERY_S
    assert "TorchServe exited by itself" in docker("logs", torchserve)
    assert inspect(torchserve)["RestartCount"] == restarts


@pytest.mark.fault
def test_when_it_dies_again_at_once_the_container_ends_and_is_restarted(service, seven, record_fault):
    torchserve = service.container("torchserve")
    restarts = inspect(torchserve)["RestartCount"]
    with Load(f"{service.url}/predictions/mnist", seven, rate=100) as load:
        while inspect(torchserve)["RestartCount"] == restarts:
            with contextlib.suppress(AssertionError):  # while there is no container
                docker("exec", torchserve, "python", "-c", KILL_JAVA)
        wait_until_recovered(load)
    failed = [outcome.sent_s for outcome in load.failed]
    effect = "the container exits and Docker restarts it"
    record_fault("Java is killed repeatedly", effect, load.outcomes, max(failed) - min(failed))
    assert set(load.outcomes) <= {RIGHT, "503"}


def wait_until_recovered(load):
    """Wait until requests have failed, and the last hundred have not."""
    end = time.monotonic() + 60
    while not load.failed or any(outcome.name != RIGHT for outcome in load.all[-100:]):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_log_in_memory_is_bounded_and_goes_on_at_dockers(service):
    torchserve = service.container("torchserve")
    flood = "for i in range(30): print('x' * 999 + chr(10), end='', file=log); log.write(('y' * 99 + chr(10)) * 10_000)"
    script = f"log = open('{LOG}', 'a')\n{flood}\nprint('the end', file=log)"
    docker("exec", torchserve, "python", "-c", script)
    end = time.monotonic() + 30
    while "the end" not in docker("logs", "--tail", "100", torchserve):
        assert time.monotonic() < end
        time.sleep(0.2)
    time.sleep(1)
    size = int(docker("exec", torchserve, "stat", "-c", "%s", str(LOG)))
    assert size < 9 << 20


def test_the_gateway_ends_in_order(service):
    gateway = service.container("gateway")
    try:
        docker("stop", gateway)
        assert inspect(gateway)["State"]["ExitCode"] == 0
    finally:
        docker("start", gateway)
        service.wait_for(1)
