"""Two containers train one net as the pods of kubernetes/models/mnist/training do: arguments, names and confinement."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.containers.conftest import CONFINED, RUN, WORKER, docker

pytestmark = pytest.mark.container


@pytest.fixture
def image(images, mnist_root):
    """Build the training image upon the one that serves."""
    return images.build_training(mnist_root)


@pytest.fixture
def pod(root):
    """Return the generic pod, whose container has the arguments of the model."""
    generic, of_model = (job_pod(root / "kubernetes" / folder) for folder in ("training", "models/mnist/training"))
    generic["containers"][0] |= of_model["containers"][0]
    return generic


def job_pod(folder):
    documents = yaml.safe_load_all((folder / "job.yaml").read_bytes())
    return next(d for d in documents if d["kind"] == "Job")["spec"]["template"]["spec"]


@pytest.fixture
def network():
    name = f"serving-test-training-{RUN}-{WORKER}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


def start(image, pod, network, folder, index):
    """Start the pod of that index, for one epoch."""
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    name = f"training-{index}"
    arguments = [a.replace("$(JOB_COMPLETION_INDEX)", str(index)) for a in container["args"]]
    options = [*CONFINED, "--tmpfs=/tmp:size=64m,mode=1777"]
    options += [f"--network={network}", f"--hostname={name}", f"--network-alias={name}.{pod['subdomain']}"]
    options += [f"--env={variable['name']}={variable['value']}" for variable in container["env"]]
    options += [f"--user={pod['securityContext']['runAsUser']}", f"--volume={folder}:/weights"]
    return docker("run", "--detach", *options, image, *arguments, "--epochs=1").strip()


def test_two_machines_train_one_net(image, pod, network, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    folder.chmod(0o777)
    containers = [start(image, pod, network, folder, index) for index in (1, 0)]  # the first may come last
    try:
        codes = [docker("wait", container, timeout_s=300).strip() for container in containers]
        logs = [docker("logs", container, stderr_too=True) for container in containers]
        assert codes == ["0", "0"], "\n".join(logs)
    finally:
        docker("rm", "--force", *containers)
    assert "epoch 1/1" in logs[1]
    assert "epoch" not in logs[0]
    assert {path.name for path in folder.iterdir()} == {"mnist.pt", "mnist.json"}
    report = json.loads((folder / "mnist.json").read_bytes())
    assert report["processes"] == len(containers)
    assert report["test"]["accuracy"] > 0.95
