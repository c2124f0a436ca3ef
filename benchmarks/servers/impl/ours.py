"""Our server as `make serve` runs it, with the one model that the other servers have too."""

from __future__ import annotations

import os
import sys


def environment(port: int) -> dict[str, str]:
    """Return the variables that set five ports in a row, from `port` on, and load MNIST alone."""
    addresses = {
        f"TS_{name}_ADDRESS": f"http://127.0.0.1:{port + i}"
        for i, name in enumerate(("INFERENCE", "MANAGEMENT", "METRICS"))
    }
    grpc = {"TS_GRPC_INFERENCE_PORT": str(port + 3), "TS_GRPC_MANAGEMENT_PORT": str(port + 4)}
    return {**os.environ, **addresses, **grpc, "TS_LOAD_MODELS": "mnist.mar"}


if __name__ == "__main__":
    command = [sys.executable, "-m", "serving", "serve", "--log", os.environ["SCRATCH"] + "/torchserve.log"]
    os.execve(sys.executable, command, environment(int(sys.argv[1])))  # noqa: S606
