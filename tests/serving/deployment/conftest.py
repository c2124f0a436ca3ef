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
    with Client(running.inference, running.management, is_probe=True) as client:  # as the commands do
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
