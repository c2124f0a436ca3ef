"""The containers as `make up` makes them, built from a copy of the repository with the CPU's torch if it can be had.

Under pytest-xdist each worker runs a stack of its own; all workers of a run share one copy of the repository and one
set of images.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import requests

from common.ports import free_ports

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SCANNERS = Path(__file__).resolve().parents[2] / ".venv-scan"
WAIT_S = 120.0  # on a busy machine
POLL_S = 0.2
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]  # the same in all workers of a run
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
CONFINED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def docker(*arguments: str, timeout_s: float = 60, stderr_too: bool = False, **options) -> str:
    """Run docker and return what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout_s, **options)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr if stderr_too else done.stdout


def scanner(name: str) -> Path:
    """Return a program of requirements/scan.txt."""
    program = SCANNERS / "bin" / name
    if not program.is_file():
        pytest.fail(
            f"there is no {program.relative_to(SCANNERS.parent)}; run the tests with `make test-all`, which installs it"
        )
    return program


def is_open(address: str, port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(5)
        return connection.connect_ex((address, port)) == 0


def inspect(container: str) -> dict:
    return json.loads(docker("inspect", container))[0]


def ip_address(container: str) -> str:
    """Return a container's address in its only network."""
    (network,) = inspect(container)["NetworkSettings"]["Networks"].values()
    return network["IPAddress"]


def wait_healthy(container: str, timeout_s: float = WAIT_S) -> None:
    """Wait until a TorchServe's container answers a prediction right; Docker's own health check asks every 5 s only."""
    check = ["docker", "exec", container, "python", "-S", "-m", "serving.torchserve.healthcheck"]
    end = time.monotonic() + timeout_s
    while subprocess.run(check, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < end, docker("logs", container, stderr_too=True)
        time.sleep(POLL_S)


def pinned_torch(serve_in: Path) -> str:
    """Return the requirement of torch for the image's Python, 3.11, as serve.in pins it."""
    (pin,) = re.findall(r'^(torch==\S+); python_version >= "3\.11"', serve_in.read_text(), re.MULTILINE)
    return pin


def torch_download(source: Path) -> list[str]:
    """Return the command that copies a wheel of the pinned torch from the local places that pip knows."""
    command = [sys.executable, "-m", "pip", "download", "--no-index", "--no-deps", "--only-binary=:all:"]
    pin = pinned_torch(source / "requirements/serve.in")
    return [*command, "--python-version=3.11", "--dest", str(source / "docker/wheels"), pin]


def select_torch_backend(source: Path) -> str:
    """Choose the image's build of torch, smallest first; return TORCH_BACKEND for it.

    A wheel in a place that pip looks at, else the build in this environment: the CPU's, or PyPI's with CUDA.
    """
    if subprocess.run(torch_download(source), capture_output=True, check=False).returncode == 0:
        return ""
    return "cpu" if importlib.metadata.version("torch").endswith("+cpu") else ""


class Images:
    """The images of this run, built once each from a copy of the repository that all workers share."""

    def __init__(self, root: Path, archives: Path, folder: Path) -> None:
        self.prefix = f"serving-test-{RUN}"
        self.source = folder / "source"
        self._folder = folder
        folder.mkdir(exist_ok=True)
        with self._locked():
            (folder / f"user-{WORKER}").touch()
            if not (folder / "copied").exists():
                self._copy(root, archives)
                (folder / "backend").write_text(select_torch_backend(self.source))
                (folder / "copied").touch()

    @contextlib.contextmanager
    def _locked(self, name: str = "users") -> Iterator[None]:
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _copy(self, root: Path, archives: Path) -> None:
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True)
        for name in listed.splitlines():
            if (root / name).is_file():
                (self.source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.source / name)
        for archive in archives.glob("*.mar"):
            shutil.copy2(archive, self.source / "model_store")
        generate = [sys.executable, "-m", "serving.gateway_config", "build/gateway"]  # as `make gateway-config` does
        subprocess.run(generate, cwd=self.source, check=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of compose.yaml with which these images are built, and found."""
        certificates = {"CA_CERTIFICATES": str(CERTIFICATES)} if CERTIFICATES.is_file() else {}
        backend = (self._folder / "backend").read_text()
        return {**os.environ, "IMAGE_PREFIX": self.prefix, "TORCH_BACKEND": backend, "API_KEY": "", **certificates}

    @property
    def has_cuda(self) -> bool:
        return not self.environment["TORCH_BACKEND"] and not any((self.source / "docker/wheels").glob("*.whl"))

    def build(self, *names: str) -> None:
        """Build images of compose.yaml, unless another worker has."""
        compose = self.source / "docker/compose.yaml"
        self._once(names, lambda: docker("compose", "-f", str(compose), "build", *names, **self._slow))

    def build_training(self, mnist_root: Path) -> str:
        """Build the training image upon the one that serves; return its name."""
        raw, file = self.source / "data/MNIST/raw", self.source / "docker/training/Dockerfile"
        name = f"{self.prefix}-training"
        options = [f"--build-arg=SERVING_IMAGE={self.prefix}-torchserve", "--tag", name, "--file", str(file)]
        if CERTIFICATES.is_file():
            options.append(f"--secret=id=ca,src={CERTIFICATES}")

        def build() -> None:
            shutil.copytree(mnist_root / "MNIST/raw", raw, ignore=shutil.ignore_patterns("*.gz"), dirs_exist_ok=True)
            docker("build", *options, str(self.source), **self._slow)

        self._once(("training",), build)
        return name

    @property
    def _slow(self) -> dict:
        return {"timeout_s": 900, "env": self.environment}

    def _once(self, names: Sequence[str], build: Callable[[], object]) -> None:
        with self._locked(names[0]):  # another image may be built meanwhile
            if not all((self._folder / f"built-{name}").exists() for name in names):
                build()
                for name in names:
                    (self._folder / f"built-{name}").touch()

    def release(self) -> None:
        """Remove the images when the last worker that uses them ends; the build cache keeps their layers."""
        with self._locked():
            (self._folder / f"user-{WORKER}").unlink()
            if not any(self._folder.glob("user-*")):
                for mark in self._folder.glob("built-*"):
                    docker("rmi", "--force", f"{self.prefix}-{mark.name.removeprefix('built-')}")
                shutil.rmtree(self._folder)


class Service:
    """The composed containers, under a name and at a port of the tests' own.

    They are as compose.yaml has them, but that health checks and Prometheus' scrapes come every second: tests would
    only wait for them.
    """

    def __init__(self, images: Images, folder: Path) -> None:
        self.name = f"{images.prefix}-{WORKER}"
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        prometheus_port = free_ports(1)
        self.prometheus = f"http://127.0.0.1:{prometheus_port}"
        self.images = images
        self._files = (images.source / "docker/compose.yaml", self._override(folder))
        ports = {"PORT": str(self.port), "PROMETHEUS_PORT": str(prometheus_port)}
        # All load comes from one address, whose connections add up while a busy machine stalls.
        limits = {"CONNECTION_LIMIT": "2000"}
        self._environment = {**images.environment, **ports, **limits, "ACCESS_LOG": "info"}

    def _override(self, folder: Path) -> Path:
        prometheus = (self.images.source / "docker/monitoring/prometheus.yaml").read_text()
        prometheus = re.sub(r"(scrape_interval|evaluation_interval): \d+s", r"\1: 1s", prometheus)
        prometheus = re.sub(r"scrape_timeout: \d+s", "scrape_timeout: 1s", prometheus)
        (folder / "prometheus.yaml").write_text(prometheus)
        often = {"healthcheck": {"interval": "1s", "retries": int(WAIT_S)}}
        volume = f"{folder}/prometheus.yaml:/etc/prometheus/prometheus.yaml:ro"
        services = {"torchserve": often, "gateway": often, "prometheus": {**often, "volumes": [volume]}}
        (folder / "override.yaml").write_text(json.dumps({"services": services}))  # JSON is YAML
        return folder / "override.yaml"

    def compose(self, *arguments: str, timeout_s: float = 560) -> str:
        files = [f"--file={file}" for file in self._files]
        return docker(
            "compose", "--project-name", self.name, *files, *arguments, timeout_s=timeout_s, env=self._environment
        )

    def up(self, replicas: int = 1) -> None:
        """Start, and return when a prediction was right through the gateway."""
        self.compose("up", "--no-build", "--detach", "--wait", "--scale", f"torchserve={replicas}")
        self.wait_for(replicas)

    def wait_for(self, replicas: int) -> None:
        """Wait until the gateway knows that many servers."""
        end, response = time.monotonic() + WAIT_S, ""
        while response != {"status": "ready", "servers": replicas}:
            assert time.monotonic() < end, f"after {WAIT_S} s the gateway responds {response}"
            time.sleep(POLL_S)
            with requests.Session() as session, contextlib.suppress(requests.RequestException, ValueError):
                session.trust_env = False
                response = session.get(f"{self.url}/health", timeout=5).json()

    def image(self, name: str) -> str:
        return f"{self.images.prefix}-{name}"

    def containers(self, name: str) -> list[str]:
        return self.compose("ps", "--all", "--quiet", name).split()

    def container(self, name: str) -> str:
        (container,) = self.containers(name)
        return container


@contextlib.contextmanager
def run_container(service: Service, name: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """Run one more container of an image, confined as compose confines it, in the service's network; yield its id."""
    container = docker(
        "run", "--detach", f"--network={service.name}_default", *CONFINED, *options, service.image(name), *command
    ).strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container)


@contextlib.contextmanager
def run_gateway(service: Service, *options: str) -> Iterator[str]:
    """Run a gateway with options of its own; yield its URL once it listens."""
    with run_container(service, "gateway", "--tmpfs=/tmp:mode=1777", *options) as container:
        address = ip_address(container)
        wait_open(container, address, 8000)
        yield f"http://{address}:8000"


def wait_open(container: str, address: str, port: int) -> None:
    """Wait until a container listens."""
    end = time.monotonic() + WAIT_S
    while not is_open(address, port):
        assert time.monotonic() < end, docker("logs", container, stderr_too=True)
        time.sleep(POLL_S)


@pytest.fixture(scope="session")
def images(root: Path, archives: Path) -> Iterator[Images]:
    """Build the images that the whole session needs."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no Docker daemon runs here")
    images = Images(root, archives, Path(tempfile.gettempdir()) / f"serving-test-{RUN}")
    try:
        images.build("torchserve", "gateway")
        yield images
    finally:
        images.release()


@pytest.fixture(scope="session")
def service(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run the containers for the whole session."""
    service = Service(images, tmp_path_factory.mktemp("compose"))
    try:
        service.up()
        yield service
    finally:
        service.compose("--profile", "monitoring", "down", "--remove-orphans", "--volumes", "--timeout", "2")


@pytest.fixture
def gateway_address(service: Service) -> tuple[str, int]:
    """Return the gateway's own address: Docker's proxy before its port would read and wait by itself."""
    return ip_address(service.container("gateway")), 8000
