"""The documents' commands, directed to the tests' server."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest

from tests.support.archives import of_version

DEPLOYMENT = re.compile(r"tsctl .*\b(?:deploy|rollback|canary (?:start|set|promote|abort|status))\b")


@pytest.fixture
def adapt(server, archives) -> Callable[[str], str]:
    """Return a function that directs a command of a document to the tests' server, whose store has a version 2.0."""
    of_version(archives / "mnist.mar", server.store.folder / "mnist-2.0.mar", "2.0")
    metrics = server.environment["TS_METRICS_ADDRESS"]
    urls = f"--inference-url {server.inference} --management-url {server.management}"
    programs = {"python": f"'{sys.executable}'", "tsctl": f"'{sys.executable}' -m serving {urls}"}

    def adapted(command: str) -> str:
        command = command.replace("http://127.0.0.1:8080", server.inference)
        command = command.replace("http://127.0.0.1:8081", server.management)
        command = command.replace("http://127.0.0.1:8082", metrics)
        command = re.sub(r"^curl ", "curl -sS ", command).replace("| curl ", "| curl -sS ")
        if DEPLOYMENT.search(command):
            command += f" --model-store '{server.store.folder}'"
        command = command.replace("canary status", f"canary status --metrics-url {metrics}")
        command = command.replace(" model_store/deployed.json", f" '{server.store.folder}/deployed.json'")
        command = command.replace(" model_store/mnist-2.0.mar", f" '{server.store.folder}/mnist-2.0.mar'")
        return re.sub(r"\.venv/bin/(tsctl|python)\b", lambda found: programs[found[1]], command)

    return adapted
