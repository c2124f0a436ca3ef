"""The init containers of kubernetes/archive, run as they are written there; then TorchServe with what they left."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest
import yaml

from model import config
from tests.containers.conftest import CONFINED, docker, ip_address, run_container, wait_healthy
from tests.support.archives import of_version

pytestmark = pytest.mark.container
SERVER = ("-m", "http.server", "8000", "--directory", "/files")


@pytest.fixture
def fetching(root):
    """Return the init containers, and where TorchServe's own looks for what they left."""
    patch = yaml.safe_load((root / "kubernetes/archive/archive.yaml").read_bytes())["spec"]["template"]["spec"]
    return patch["initContainers"], patch["containers"][0]["volumeMounts"][0]["mountPath"]


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


def run_init(service, container, volume, *arguments):
    """Run an init container with these arguments, confined as it is. Return its exit code and its words."""
    (mount,) = container["volumeMounts"]
    program, *options = container["command"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    confined = (*CONFINED, "--memory=256m", f"--entrypoint={program}")
    command = ("docker", "run", "--rm", f"--network={service.name}_default", *confined)
    command += (f"--volume={volume}:{mount['mountPath']}", service.image("torchserve"), *options, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def contents(folder):
    """Return the SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def predicted_by(container):
    """Wait until a server answers a real digit, and return the version that it serves."""
    wait_healthy(container)
    described = docker("exec", container, "python", "-m", "serving", "describe", "mnist", "--json")
    return json.loads(described)["modelVersion"]


def test_what_the_digest_names_is_served_and_nothing_else_gets_there(service, fetching, volume, store):
    (copy, fetch), served_from = fetching
    url, digest = store
    assert run_init(service, copy, volume) == (0, "")
    of_the_image = contents(volume)
    assert of_the_image.keys() == {f"{model}.mar" for model in config.names()}
    code, words = run_init(service, fetch, volume, f"{url}#sha256={'0' * 64}")
    assert (code, contents(volume)) == (1, of_the_image)
    assert f"has the SHA-256 {digest}, not 000" in words
    code, words = run_init(service, fetch, volume, f"{url.replace('2.0', '3.0')}#sha256={digest}")
    assert (code, contents(volume)) == (1, of_the_image)
    assert "HTTP 404" in words
    code, words = run_init(service, fetch, volume, f"{url}#sha256={digest}")
    assert code == 0, words
    assert "is mnist 2.0" in words
    assert contents(volume) == {**of_the_image, "mnist.mar": digest}
    mounted = (f"--volume={volume}:{served_from}:ro", "--tmpfs=/tmp:exec,size=512m,mode=1777")
    with run_container(service, "torchserve", *mounted) as torchserve:
        assert predicted_by(torchserve) == "2.0"
