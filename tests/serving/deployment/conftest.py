"""One TorchServe for each file, whose versions its tests change, one after the other."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from serving.client import Client
from serving.deployment.deploy import Deployment
from serving.deployment.model_store import ModelStore
from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports
from tests.support.archives import of_version


@pytest.fixture(scope="module")
def deployment_environment(archives, tmp_path_factory):
    store = tmp_path_factory.mktemp("deployments")
    for name in ("mnist.mar", "xor.mar"):
        shutil.copy(archives / name, store)
    return {**environment_of_free_ports(), "TS_MODEL_STORE": str(store)}


@pytest.fixture(scope="module")
def deployment_server(root, deployment_environment, tmp_path_factory):
    """Run a server whose versions these tests change, one after the other."""
    log = tmp_path_factory.mktemp("log") / "log"
    with TorchServe(root / "config.properties", log, deployment_environment) as started:
        started.wait_ready()
        yield started


@pytest.fixture
def deployment_client(deployment_server):
    """Connect to that server as a probe, as the commands do."""
    with Client(deployment_server.inference, deployment_server.management, is_probe=True) as connected:
        yield connected


@pytest.fixture
def messages():
    """Collect the progress messages of `deployment`."""
    return []


@pytest.fixture
def deployment(deployment_client, deployment_server, messages):
    return Deployment(deployment_client, ModelStore(deployment_server.store.folder), "mnist", messages.append)


@pytest.fixture
def next_version(archives, deployment, tmp_path):
    """Return a function that makes an archive of the version after the one that serves."""

    def make(changes=None):
        version = f"{int(deployment.default_version().partition('.')[0]) + 1}.0"
        (deployment.store.folder / f"mnist-{version}.mar").unlink(missing_ok=True)  # left by an earlier test
        return of_version(archives / "mnist.mar", tmp_path / f"mnist-{version}.mar", version, changes or {})

    return make


@pytest.fixture
def start_command(deployment_server, root):
    """Return a function that starts a command of tsctl in a process of its own."""

    def start(*arguments):
        urls = ["--inference-url", deployment_server.inference, "--management-url", deployment_server.management]
        command = [sys.executable, "-m", "serving", *urls, *map(str, arguments)]
        store = ["--model-store", str(deployment_server.store.folder)]
        return subprocess.Popen([*command, *store], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start
