"""Fixtures of all tests: real MNIST, the built archives, and one real TorchServe for the whole session."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from numpy.typing import NDArray

from common.http import direct_session
from common.ports import free_ports
from serving.client import Client
from serving.torchserve.process import TorchServe
from tests.support.assertions import png

pytest_plugins = [
    "tests.support.browser",
    "tests.support.faults_table",
    "tests.support.handlers",
    "tests.support.tiers",
    "tests.support.xdist_groups",
]
ROOT = Path(__file__).resolve().parent.parent
ADDRESS_VARIABLES = ("TS_INFERENCE_ADDRESS", "TS_MANAGEMENT_ADDRESS", "TS_METRICS_ADDRESS")
GRPC_VARIABLES = ("TS_GRPC_INFERENCE_PORT", "TS_GRPC_MANAGEMENT_PORT")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def mnist_root(root: Path) -> Path:
    """Return the folder of MNIST as `make` fetched it."""
    data = root / "data"
    if not (data / "MNIST/raw/t10k-images-idx3-ubyte").is_file():
        pytest.fail("there is no MNIST in data/; run the tests with `make test`, which fetches it")
    return data


def _read_idx(path: Path, header_bytes: int) -> NDArray[np.uint8]:
    return np.frombuffer(path.read_bytes(), np.uint8, offset=header_bytes)


@pytest.fixture(scope="session")
def test_images(mnist_root: Path) -> NDArray[np.uint8]:
    """Return MNIST's test images, uint8 [10000, 28, 28], read without the project's code."""
    return _read_idx(mnist_root / "MNIST/raw/t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28)


@pytest.fixture(scope="session")
def test_labels(mnist_root: Path) -> NDArray[np.uint8]:
    """Return MNIST's test labels, uint8 [10000]."""
    return _read_idx(mnist_root / "MNIST/raw/t10k-labels-idx1-ubyte", 8)


@pytest.fixture(scope="session")
def mnist_test(test_images: NDArray[np.uint8], test_labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """Return MNIST's test images and labels together."""
    return test_images, test_labels


@pytest.fixture(scope="session")
def mnist_all(mnist_root: Path, test_images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all of MNIST's images, uint8 [70000, 28, 28]."""
    train = _read_idx(mnist_root / "MNIST/raw/train-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    return np.concatenate([train, test_images])


@pytest.fixture(scope="session")
def archives(root: Path) -> Path:
    """Return the model store with mnist.mar and xor.mar as `make` built them."""
    for name in ("mnist.mar", "xor.mar"):
        if not (root / "model_store" / name).is_file():
            pytest.fail(f"there is no model_store/{name}; run the tests with `make test`, which builds it")
    return root / "model_store"


@pytest.fixture(scope="session")
def seven(test_images: NDArray[np.uint8]) -> bytes:
    """Return the first test image, a clear 7, as a PNG file."""
    return png(test_images[0])


def environment_of_free_ports() -> dict[str, str]:
    """Return an environment in which TorchServe listens on free ports and loads the models that these tests know.

    A model that somebody adds has tests of its own.
    """
    names = (*ADDRESS_VARIABLES, *GRPC_VARIABLES)
    ports = dict(zip(names, itertools.count(free_ports(len(names))), strict=False))
    addresses = {name: f"http://127.0.0.1:{ports[name]}" for name in ADDRESS_VARIABLES}
    fixed = {"SERVING_UI_PORT": "0", "TS_LOAD_MODELS": "mnist.mar,xor.mar"}
    return {**os.environ, **fixed, **addresses, **{name: str(ports[name]) for name in GRPC_VARIABLES}}


@pytest.fixture(scope="session")
def model_store(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the session's model store, a copy; its path has a space in it."""
    store = tmp_path_factory.mktemp("model store")
    for name in ("mnist.mar", "xor.mar"):
        shutil.copy(archives / name, store)
    return store


@pytest.fixture(scope="session")
def server(root: Path, model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    """Run one real TorchServe, with the repository's own configuration, for the whole session."""
    environment = {**environment_of_free_ports(), "TS_MODEL_STORE": str(model_store)}
    log = tmp_path_factory.mktemp("log") / "torchserve.log"
    with TorchServe(root / "config.properties", log, environment) as started:
        started.wait_ready(timeout_s=180)
        yield started


@pytest.fixture(scope="session")
def client(server: TorchServe) -> Iterator[Client]:
    """Connect to `server`."""
    with Client(server.inference, server.management) as connected:
        yield connected


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """Return a session that ignores the environment's proxies."""
    with direct_session() as session:
        yield session
