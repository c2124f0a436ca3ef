"""Versions come and go under constant load, and no request is lost; what fails leaves the old version serving."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from serving.archive_file import ArchiveError
from serving.client import Client
from serving.deployment import Deployment, DeploymentError
from serving.model_store import ModelStore
from serving.server import TorchServe
from tests.answers import npy
from tests.archives import of_version, weights_that_mistake_each_digit_for_the_next
from tests.conftest import environment_of_free_ports
from tests.load import RIGHT, Load

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def environment(archives, tmp_path_factory):
    store = tmp_path_factory.mktemp("deployments")
    for name in ("mnist.mar", "xor.mar"):
        shutil.copy(archives / name, store)
    return {**environment_of_free_ports(), "TS_MODEL_STORE": str(store), "TS_LOAD_MODELS": "mnist.mar"}


@pytest.fixture(scope="module")
def running(root, environment, tmp_path_factory):
    """Run a server whose versions these tests change, one after the other."""
    with TorchServe(root / "config.properties", tmp_path_factory.mktemp("log") / "log", environment) as server:
        server.wait_ready()
        yield server


@pytest.fixture
def client(running):
    with Client(running.inference, running.management) as client:
        yield client


@pytest.fixture
def said():
    return []


@pytest.fixture
def deployment(client, running, said):
    return Deployment(client, ModelStore(running.store.folder), said.append)


@pytest.fixture
def next_version(archives, deployment, tmp_path):
    """Return a function that makes an archive of the version after the one that serves."""

    def make(changes=None):
        version = f"{int(deployment.serving_version().partition('.')[0]) + 1}.0"
        (deployment.store.folder / f"mnist-{version}.mar").unlink(missing_ok=True)  # of a test before
        return of_version(archives / "mnist.mar", tmp_path / f"mnist-{version}.mar", version, changes or {})

    return make


@pytest.fixture
def run(running, root):
    """Return a function that starts a command in a process of its own."""

    def start(*arguments):
        addresses = ["--inference", running.inference, "--management", running.management]
        command = [sys.executable, "-m", "serving", *addresses, *map(str, arguments)]
        store = ["--model-store", str(running.store.folder)]
        return subprocess.Popen([*command, *store], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def wait_for(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_deployed_and_rolled_back_under_load_no_request_is_lost(deployment, running, client, next_version, seven, said):
    with Load(f"{running.inference}/predictions/mnist", seven) as load:
        deployment.deploy(next_version())
        assert deployment.versions() == ["2.0"]
        deployment.rollback()
        assert deployment.versions() == ["1.0"]
    assert set(load.outcomes) == {RIGHT}, (load.outcomes, said)
    assert load.outcomes[RIGHT] > 2000
    assert len(client.describe()["workers"]) == 2
    assert [line for line in said if "reads 19" in line or "reads 200" in line]


def test_what_waits_at_a_version_is_answered_before_it_is_removed(
    deployment, running, client, next_version, test_images
):
    store = deployment.store
    client.register(store.keep(store.archive(shutil.copy(next_version(), store.folder))).path.name)
    with ThreadPoolExecutor(40) as pool:
        url, body = f"{running.inference}/explanations/mnist/2.0", npy(test_images[:50])
        headers = {"Content-Type": "application/x-npy"}
        asked = [pool.submit(requests.post, url, body, headers=headers, timeout=60) for _ in range(40)]
        wait_for(lambda: client.describe("mnist", "2.0")["jobQueueStatus"]["pendingRequests"] > 5)
        deployment.remove("2.0")
        assert all(answer.done() for answer in asked)
        assert [answer.result().status_code for answer in asked] == [200] * 40
    assert deployment.versions() == ["1.0"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mnist_handler.py": b"import nobody_has_this\n"}, "a worker of mnist 2.0 ended while it started"),
        ({"mnist.pt": b"no weights"}, "a worker of mnist 2.0 ended while it started"),
        (weights_that_mistake_each_digit_for_the_next, "2.0 reads 0 of 200 golden digits right, fewer than 194"),
    ],
)
def test_a_version_that_is_no_good_is_taken_back(deployment, archives, next_version, running, changes, sentence, seven):
    if callable(changes):
        changes = {"mnist.pt": changes(archives / "mnist.mar")}
    with Load(f"{running.inference}/predictions/mnist", seven, rate=100) as load:
        with pytest.raises(DeploymentError, match=rf"^{sentence}.*so 1\.0 serves on$"):
            deployment.deploy(next_version(changes))
    assert set(load.outcomes) == {RIGHT}
    assert deployment.versions() == ["1.0"]


def test_what_is_no_archive_of_the_model_is_refused(deployment, archives, tmp_path):
    (tmp_path / "cut.mar").write_bytes((archives / "mnist.mar").read_bytes()[:10_000])
    with pytest.raises(ArchiveError, match=r"cut\.mar is not a model archive"):
        deployment.deploy(tmp_path / "cut.mar")
    with pytest.raises(DeploymentError, match="holds xor, and golden digits are there for mnist alone"):
        deployment.deploy(archives / "xor.mar")
    with pytest.raises(DeploymentError, match=r"1\.0 serves already; a new archive needs a new version"):
        deployment.deploy(archives / "mnist.mar")


def test_another_archive_of_a_version_that_was_kept_is_refused(deployment, next_version, archives):
    archive = next_version()
    (deployment.store.folder / "mnist-2.0.mar").write_bytes((archives / "mnist.mar").read_bytes())
    with pytest.raises(ArchiveError, match="give the new one a version of its own: make archive VERSION="):
        deployment.deploy(archive)


def test_a_second_deployment_at_once_is_refused(deployment, run, next_version):
    with deployment.store.locked():
        second = run("deploy", next_version())
        out, error = second.communicate(timeout=60)
    assert (second.returncode, out) == (1, "")
    assert "error: another deployment to " in error
    assert deployment.versions() == ["1.0"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_the_old_version(deployment, run, next_version, how):
    interrupted = run("deploy", next_version())
    wait_for(lambda: len(deployment.versions()) == 2)
    interrupted.send_signal(how)
    out, _ = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, out) == (130, "interrupted: 2.0 is removed, 1.0 serves on\n")
    assert deployment.versions() == ["1.0"]


def test_killed_it_leaves_the_old_version_and_the_same_command_again_succeeds(deployment, run, next_version, client):
    archive = next_version()
    killed = run("deploy", archive)
    wait_for(lambda: len(deployment.versions()) == 2)
    killed.kill()
    killed.communicate()
    assert deployment.serving_version() == "1.0"
    again = run("deploy", archive)
    out, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert "`rollback` brings 1.0 back" in out
    assert deployment.versions() == ["2.0"]
    assert client.predict("samples/7.png").digit == 7


def test_where_it_cannot_be_remembered_the_old_version_serves(deployment, next_version, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = deployment.versions()
    monkeypatch.setattr(deployment.store, "write", full)
    with pytest.raises(OSError, match="No space left"):
        deployment.deploy(next_version())
    assert deployment.versions() == before


def test_no_way_back_is_noticed_before_anything_happens(deployment, next_version):
    kept = deployment.store.folder / "mnist-2.0.mar"
    content = kept.read_bytes()
    kept.write_bytes((deployment.store.folder / "mnist-1.0.mar").read_bytes())
    with pytest.raises(DeploymentError, match=r"now holds mnist 1\.0, not the 2\.0 that serves"):
        deployment.deploy(next_version())
    kept.write_bytes(content)


def test_a_registration_does_not_stop_the_answers(deployment, running, client, next_version, seven):
    """TorchServe waits for workers in the thread that reads and writes for all clients, when it is asked to wait."""
    archive = deployment.store.keep(deployment.store.archive(shutil.copy(next_version(), deployment.store.folder)))
    began = time.monotonic()
    with Load(f"{running.inference}/predictions/mnist", seven, rate=100) as load:
        client.register(archive.path.name)
        took_s = time.monotonic() - began
    client.unregister("mnist", archive.version)
    assert set(load.outcomes) == {RIGHT}
    assert max(outcome.took_s for outcome in load.all) < took_s / 2


def test_what_was_deployed_comes_back_after_a_restart(running, environment, root, tmp_path):
    """Last in this file: it ends the server."""
    running.stop()
    with TorchServe(root / "config.properties", tmp_path / "log", environment) as restarted:
        restarted.wait_ready()
        assert restarted.deployed == ["mnist-2.0.mar"]
        with Client(restarted.inference, restarted.management) as client:
            assert client.describe()["modelVersion"] == "2.0"
            deployment = Deployment(client, restarted.store, lambda _: None)
            deployment.rollback()
            assert deployment.serving_version() == "1.0"
