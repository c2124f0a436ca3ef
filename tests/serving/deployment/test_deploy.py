"""Deploy and roll back under constant load without losing a request; a failed deployment changes nothing."""

from __future__ import annotations

import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from serving.client import Client
from serving.deployment.archive_file import ArchiveError
from serving.deployment.canary import Canary, running_canaries
from serving.deployment.deploy import Deployment, DeploymentError
from serving.torchserve.process import TorchServe
from tests.support.archives import weights_that_mistake_each_digit_for_the_next
from tests.support.assertions import npy
from tests.support.load import RIGHT, Load
from tests.support.polling import wait_for

pytestmark = pytest.mark.server


def test_deployed_and_rolled_back_under_load_no_request_is_lost(
    deployment, deployment_server, deployment_client, next_version, seven, messages
):
    with Load(f"{deployment_server.inference}/predictions/mnist", seven) as load:
        deployment.deploy(next_version())
        assert deployment.versions() == ["2.0"]
        deployment.rollback()
        assert deployment.versions() == ["1.0"]
    assert set(load.outcomes) == {RIGHT}, (load.outcomes, messages)
    assert load.outcomes[RIGHT] > 100
    assert len(deployment_client.describe("mnist")["workers"]) == 2
    assert [line for line in messages if "predicts 19" in line or "predicts 200" in line]


def test_what_waits_at_a_version_is_answered_before_it_is_removed(
    deployment, deployment_server, deployment_client, next_version, test_images
):
    store = deployment.store
    deployment_client.register(store.add(store.archive(shutil.copy(next_version(), store.folder))).path.name)
    with ThreadPoolExecutor(40) as pool:
        url, body = f"{deployment_server.inference}/explanations/mnist/2.0", npy(test_images[:50])
        headers = {"Content-Type": "application/x-npy"}
        asked = [pool.submit(requests.post, url, body, headers=headers, timeout=60) for _ in range(40)]
        wait_for(lambda: deployment_client.describe("mnist", "2.0")["jobQueueStatus"]["pendingRequests"] > 5)
        deployment.remove("2.0")
        assert all(answer.done() for answer in asked)
        assert [answer.result().status_code for answer in asked] == [200] * 40
    assert deployment.versions() == ["1.0"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"handler.py": b"import nobody_has_this\n"}, "a worker of mnist 2.0 ended while it started"),
        ({"mnist.pt": b"no weights"}, "a worker of mnist 2.0 ended while it started"),
        (weights_that_mistake_each_digit_for_the_next, "2.0 predicts 0 of 200 golden inputs right, fewer than 194"),
    ],
)
def test_a_version_that_is_no_good_is_unregistered(
    deployment, archives, next_version, deployment_server, changes, sentence, seven
):
    if callable(changes):
        changes = {"mnist.pt": changes(archives / "mnist.mar")}
    with Load(f"{deployment_server.inference}/predictions/mnist", seven, rate=100) as load:
        with pytest.raises(DeploymentError, match=rf"^{sentence}.*so 1\.0 serves on$"):
            deployment.deploy(next_version(changes))
    assert set(load.outcomes) == {RIGHT}
    assert deployment.versions() == ["1.0"]


def test_what_is_no_archive_of_the_model_is_refused(deployment, archives, tmp_path):
    (tmp_path / "cut.mar").write_bytes((archives / "mnist.mar").read_bytes()[:10_000])
    with pytest.raises(ArchiveError, match=r"cut\.mar is not a model archive"):
        deployment.deploy(tmp_path / "cut.mar")
    with pytest.raises(DeploymentError, match="holds xor, not mnist"):
        deployment.deploy(archives / "xor.mar")
    with pytest.raises(DeploymentError, match=r"1\.0 serves already; a new archive needs a new version"):
        deployment.deploy(archives / "mnist.mar")


def test_another_archive_of_a_version_that_was_kept_is_refused(deployment, next_version, archives):
    archive = next_version()
    (deployment.store.folder / "mnist-2.0.mar").write_bytes((archives / "mnist.mar").read_bytes())
    with pytest.raises(ArchiveError, match="give the new one a version of its own: make archive VERSION="):
        deployment.deploy(archive)


def test_a_second_deployment_at_once_is_refused(deployment, start_command, next_version):
    with deployment.store.lock():
        second = start_command("deploy", next_version())
        out, error = second.communicate(timeout=60)
    assert (second.returncode, out) == (1, "")
    assert "error: another deployment to " in error
    assert deployment.versions() == ["1.0"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_the_old_version(deployment, start_command, next_version, how):
    interrupted = start_command("deploy", next_version())
    wait_for(lambda: len(deployment.versions()) == 2)
    interrupted.send_signal(how)
    out, _ = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, out) == (130, "interrupted: 2.0 is removed, 1.0 serves on\n")
    assert deployment.versions() == ["1.0"]


def test_killed_it_leaves_the_old_version_and_the_same_command_again_succeeds(
    deployment, start_command, next_version, deployment_client
):
    archive = next_version()
    killed = start_command("deploy", archive)
    wait_for(lambda: len(deployment.versions()) == 2)
    killed.kill()
    killed.communicate()
    assert deployment.default_version() == "1.0"
    again = start_command("deploy", archive)
    out, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert "`rollback mnist` brings 1.0 back" in out
    assert deployment.versions() == ["2.0"]
    assert deployment_client.predict("mnist", "model/mnist/samples/7.png")["digit"] == 7


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


def test_a_registration_does_not_stop_the_answers(
    deployment, deployment_server, deployment_client, next_version, seven
):
    """TorchServe waits for workers in the thread that reads and writes for all clients, when it is asked to wait."""
    archive = deployment.store.add(deployment.store.archive(shutil.copy(next_version(), deployment.store.folder)))
    began = time.monotonic()
    with Load(f"{deployment_server.inference}/predictions/mnist", seven, rate=100) as load:
        deployment_client.register(archive.path.name)
        took_s = time.monotonic() - began
    deployment_client.unregister("mnist", archive.version)
    assert set(load.outcomes) == {RIGHT}
    assert max(outcome.took_s for outcome in load.all) < took_s / 2


def test_what_was_deployed_comes_back_after_a_restart_and_so_does_a_canary(
    deployment, deployment_server, deployment_environment, root, next_version, tmp_path
):
    """Last in this file: it ends the server."""
    Canary(deployment).start(next_version(), 10)
    deployment_server.stop()
    with TorchServe(root / "config.properties", tmp_path / "log", deployment_environment) as restarted:
        restarted.wait_ready()
        assert restarted.deployed == ["mnist-2.0.mar", "mnist-3.0.mar"]
        with Client(restarted.inference, restarted.management) as client:
            assert client.describe("mnist")["modelVersion"] == "2.0"
            assert running_canaries(restarted.store, client) == {"mnist": {"version": "3.0", "percent": 10}}
            deployment = Deployment(client, restarted.store, "mnist", lambda _: None)
            Canary(deployment).abort()
            deployment.rollback()
            assert deployment.versions() == ["1.0"]
