"""The init container of kubernetes/archive, run as it is written there; then TorchServe with what it fetched."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest
import yaml

from tests.containers.conftest import CONFINED, docker, ip_address, run_container, wait_healthy
from tests.support.archives import of_version

pytestmark = pytest.mark.container
SERVER = ("-m", "http.server", "8000", "--directory", "/files")


@pytest.fixture
def fetching(root):
    """Return the init container, and where TorchServe's own looks for what it fetched."""
    patch = yaml.safe_load((root / "kubernetes/archive/archive.yaml").read_bytes())["spec"]["template"]["spec"]
    return patch["initContainers"][0], patch["containers"][0]["volumeMounts"][0]["mountPath"]


@pytest.fixture
def volume(tmp_path):
    """Return a folder that everybody may write to, as an emptyDir is."""
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture
def store(service, archives, tmp_path):
    """Run an HTTP server with version 2.0 of the model; return its URL and SHA-256."""
    files = tmp_path / "files"
    files.mkdir()
    archive = of_version(archives / "mnist.mar", files / "mnist-2.0.mar", "2.0")
    with run_container(
        service, "torchserve", f"--volume={files}:/files:ro", "--entrypoint=python", command=SERVER
    ) as container:
        url = f"http://{ip_address(container)}:8000/mnist-2.0.mar"
        yield url, hashlib.sha256(archive.read_bytes()).hexdigest()


def fetch(service, container, volume, url, digest):
    """Run the init container with this URL and digest, confined as it is. Return its exit code and its words."""
    *_, target = container["args"]
    (mount,) = container["volumeMounts"]
    program, *options = container["command"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    confined = (*CONFINED, "--memory=256m", f"--entrypoint={program}")
    command = ("docker", "run", "--rm", f"--network={service.name}_default", *confined)
    command += (f"--volume={volume}:{mount['mountPath']}", service.image("torchserve"), *options, url, digest, target)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def predicted_by(container):
    """Wait until a server answers a real digit, and return the version that it serves."""
    wait_healthy(container)
    described = docker("exec", container, "python", "-m", "serving", "describe", "mnist", "--json")
    return json.loads(described)["modelVersion"]


def test_what_the_digest_names_is_served_and_nothing_else_gets_there(service, fetching, volume, store):
    container, served_from = fetching
    url, digest = store
    code, words = fetch(service, container, volume, url, "0" * 64)
    assert (code, list(volume.iterdir())) == (1, [])
    assert f"has the SHA-256 {digest}, not 000" in words
    code, words = fetch(service, container, volume, url.replace("2.0", "3.0"), digest)
    assert (code, list(volume.iterdir())) == (1, [])
    assert "HTTP 404" in words
    code, words = fetch(service, container, volume, url, digest)
    assert code == 0, words
    assert "is mnist 2.0" in words
    mounted = (f"--volume={volume}/mnist.mar:{served_from}:ro", "--tmpfs=/tmp:exec,size=512m,mode=1777")
    with run_container(service, "torchserve", *mounted) as torchserve:
        assert predicted_by(torchserve) == "2.0"
