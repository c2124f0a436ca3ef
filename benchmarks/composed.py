"""The containers of docker/compose.yaml with several TorchServes, as many of them in use as is asked. Linux only.

All start at once, so that all are warm; one that is not in use is taken out of the network, where the gateway looks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks.failure import BenchmarkError
from benchmarks.free_ports import free_ports
from benchmarks.peer import HERE

FILES = (HERE.parent / "docker/compose.yaml", HERE / "replicas.yaml")
CGROUPS = Path("/sys/fs/cgroup")
READY_TIMEOUT_S = 120.0
GATEWAY_PORT, METRICS_PORT = 8000, 8082
COUNTERS = {
    ("handler_batch_size_count", ""): "batches",
    ("handler_batch_size_sum", ""): "batched",
    ("handler_stage_seconds_sum", 'stage="net"'): "net_s",
}
NO_LIMITS = {"RATE_LIMIT": "1000000", "CONNECTION_LIMIT": "65535"}  # of one address, whence all load comes


@dataclass(frozen=True)
class Container:
    """A running container, with its first process as this machine sees it."""

    name: str
    pid: int
    address: str

    def cpu_s(self) -> float:
        """CPU seconds of all that ever ran in it, by the account on which the kernel limits it."""
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "cpuacct" in controllers.split(","):
                return int((CGROUPS / "cpuacct" / path[1:] / "cpuacct.usage").read_text()) / 1e9
        usage = (CGROUPS / path[1:] / "cpu.stat").read_text().split()
        return int(usage[usage.index("usage_usec") + 1]) / 1e6

    def java_cpu_s(self) -> float:
        """CPU seconds of TorchServe's frontend alone."""
        children = psutil.Process(self.pid).children(recursive=True)
        times = [process.cpu_times() for process in children if process.name() == "java"]
        return sum(time.user + time.system for time in times)

    def counters(self) -> dict[str, float]:
        """What its workers counted: batches, the requests in them, and the seconds that the net took."""
        text = get(f"http://{self.address}:{METRICS_PORT}/metrics")
        totals = dict.fromkeys(COUNTERS.values(), 0.0)
        for name, labels, value in re.findall(r"^(handler_\w+)\{(.*?)\} (\S+)$", text, re.MULTILINE):
            for (wanted, label), counter in COUNTERS.items():
                if name == wanted and 'model_name="mnist"' in labels and label in labels:
                    totals[counter] += float(value)
        return totals


class Composed:
    """A gateway and `replicas` TorchServes, from images that are there; leaving the context removes the containers."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas
        self.project = f"mnist-bench-{os.getpid()}"
        self._environment = {
            **os.environ,
            **NO_LIMITS,
            "API_KEY": "",
            "API_KEY_FILE": "/dev/null",
            "PORT": str(free_ports(1)),
        }

    def __enter__(self) -> Composed:
        check()
        try:
            self._compose("up", "--detach", "--no-build", "--scale", f"torchserve={self._replicas}")
            self.gateway = self._containers("gateway")[0]
            self.replicas = self._containers("torchserve")
            self.use(self._replicas)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BenchmarkError):
            self._compose("down", "--timeout", "5", "--volumes")

    def limit(self, cpus: float) -> None:
        """Let each replica use so many cores."""
        for replica in self.replicas:
            docker("update", "--cpus", str(cpus), replica.name)

    def use(self, count: int) -> None:
        """Leave the first `count` replicas in the gateway's network, and return when it knows."""
        network = f"{self.project}_default"
        members = docker("network", "inspect", "--format", "{{range .Containers}}{{.Name}} {{end}}", network).split()
        for i, replica in enumerate(self.replicas):
            if i < count and replica.name not in members:
                docker("network", "connect", "--alias", "torchserve", network, replica.name)
            elif i >= count and replica.name in members:
                docker("network", "disconnect", network, replica.name)
        self._wait(count)

    def _wait(self, count: int) -> None:
        deadline, answer = time.monotonic() + READY_TIMEOUT_S, ""
        while f'"servers":{count}}}' not in answer:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the gateway did not come to know {count} servers; it answers {answer!r}")
            time.sleep(0.2)
            with contextlib.suppress(requests.RequestException):
                answer = get(f"http://{self.gateway.address}:{GATEWAY_PORT}/health")

    def _containers(self, service: str) -> list[Container]:
        found = json.loads(docker("inspect", *self._compose("ps", "--quiet", service).split()))
        return sorted((self._container(described) for described in found), key=lambda container: container.name)

    def _container(self, described: dict[str, Any]) -> Container:
        (network,) = described["NetworkSettings"]["Networks"].values()
        return Container(described["Name"].lstrip("/"), described["State"]["Pid"], network["IPAddress"])

    def _compose(self, *arguments: str) -> str:
        options = ["--project-name", self.project, *(part for file in FILES for part in ("--file", str(file)))]
        return docker("compose", *options, *arguments, env=self._environment)


def check() -> None:
    if shutil.which("docker") is None:
        raise BenchmarkError("docker is not there; install Docker with compose v2")
    prefix = os.environ.get("IMAGE_PREFIX", "mnist")
    for name in ("torchserve", "gateway"):
        try:
            docker("image", "inspect", f"{prefix}-{name}")
        except BenchmarkError as error:
            raise BenchmarkError(f"there is no image {prefix}-{name} ({error}); `make up` builds it") from error


def get(url: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=5).text


def docker(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Run docker and return what it printed."""
    done = subprocess.run(["docker", *arguments], env=env, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2] or "it gave no reason"
        raise BenchmarkError(f"docker {arguments[0]} failed: {reason}")
    return done.stdout
