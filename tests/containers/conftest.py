"""The containers as `make up` makes them, built from a copy of the repository with the CPU's torch."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from common.ports import free_ports

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SCANNERS = Path(__file__).resolve().parents[2] / ".venv-scan"
WAIT_S = 60.0


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
            f"there is no {program.relative_to(SCANNERS.parent)}; run the tests with `make test`, which installs it"
        )
    return program


def is_open(address: str, port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(5)
        return connection.connect_ex((address, port)) == 0


class Service:
    """The composed containers, under a name and at a port of the tests' own."""

    def __init__(self, source: Path) -> None:
        self.name = f"mnist-test-{os.getpid()}"
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.prometheus = f"http://127.0.0.1:{free_ports(1)}"
        self.source = source
        self._file = source / "docker/compose.yaml"
        self._environment = {**os.environ, "PORT": str(self.port), "API_KEY": "", "TORCH_BACKEND": backend(source)}
        self._environment["PROMETHEUS_PORT"] = self.prometheus.rsplit(":", 1)[1]
        self._environment["IMAGE_PREFIX"] = self.name  # what `make up` made here before stays as it is
        self._environment["ACCESS_LOG"] = "info"
        if CERTIFICATES.is_file():
            self._environment["CA_CERTIFICATES"] = str(CERTIFICATES)

    def compose(self, *arguments: str, timeout_s: float = 560) -> str:
        command = ("compose", "--project-name", self.name, "--file", str(self._file), *arguments)
        return docker(*command, timeout_s=timeout_s, env=self._environment)

    def up(self, replicas: int = 1) -> None:
        """Start, build where needed, and return when a prediction was right through the gateway."""
        self.compose("up", "--build", "--detach", "--wait", "--scale", f"torchserve={replicas}")
        self.wait_for(replicas)

    def wait_for(self, replicas: int) -> None:
        """Wait until the gateway knows that many servers."""
        end, answer = time.monotonic() + WAIT_S, ""
        while answer != {"status": "ready", "servers": replicas}:
            assert time.monotonic() < end, f"after {WAIT_S} s the gateway answers {answer}"
            time.sleep(0.2)
            with requests.Session() as session, contextlib.suppress(requests.RequestException, ValueError):
                session.trust_env = False
                answer = session.get(f"{self.url}/health", timeout=5).json()

    def image(self, name: str) -> str:
        return f"{self.name}-{name}"

    def containers(self, name: str) -> list[str]:
        return self.compose("ps", "--all", "--quiet", name).split()

    def inspect(self, container: str) -> dict:
        return json.loads(docker("inspect", container))[0]


@contextlib.contextmanager
def running(service: Service, name: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """Run one more container of an image, confined as compose confines it, in the service's network."""
    confined = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    container = docker(
        "run", "--detach", f"--network={service.name}_default", *confined, *options, service.image(name), *command
    )
    try:
        yield container.strip()
    finally:
        docker("rm", "--force", container.strip())


@contextlib.contextmanager
def own_gateway(service: Service, *options: str) -> Iterator[str]:
    """Run a gateway with options of its own, and return its address once it listens."""
    with running(service, "gateway", "--tmpfs=/tmp:mode=1777", *options) as container:
        (network,) = service.inspect(container)["NetworkSettings"]["Networks"].values()
        end = time.monotonic() + WAIT_S
        while not is_open(network["IPAddress"], 8000):
            assert time.monotonic() < end, docker("logs", container, stderr_too=True)
            time.sleep(0.1)
        yield f"http://{network['IPAddress']}:8000"


def backend(source: Path) -> str:
    """Take the CPU's torch from a wheel that this machine's pip was pointed at, else from PyTorch's own index."""
    command = [sys.executable, "-m", "pip", "download", "--no-index", "--no-deps", "torch==2.13.0"]
    done = subprocess.run([*command, "--dest", source / "docker/wheels"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "cpu"


@pytest.fixture(scope="session")
def source(root: Path, archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository's files, and of the archives."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no Docker daemon runs here")
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True)
    for name in listed.splitlines():
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    for archive in archives.glob("*.mar"):
        shutil.copy2(archive, copy / "model_store")
    return copy


@pytest.fixture(scope="session")
def service(source: Path) -> Iterator[Service]:
    """Run the containers for the whole session."""
    service = Service(source)
    try:
        service.up()
        yield service
    finally:
        service.compose("--profile", "monitoring", "down", "--remove-orphans", "--volumes", "--rmi", "all")


@pytest.fixture
def door(service: Service) -> tuple[str, int]:
    """Return the gateway's own address: Docker's proxy before its port would read and wait by itself."""
    (gateway,) = service.containers("gateway")
    (network,) = service.inspect(gateway)["NetworkSettings"]["Networks"].values()
    return network["IPAddress"], 8000
