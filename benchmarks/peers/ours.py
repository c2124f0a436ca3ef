"""The project's own server as `make serve` runs it, with the one model that its peers have too."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    port = int(sys.argv[1])
    addresses = {
        f"TS_{name}_ADDRESS": f"http://127.0.0.1:{port + i}"
        for i, name in enumerate(("INFERENCE", "MANAGEMENT", "METRICS"))
    }
    grpc = {"TS_GRPC_INFERENCE_PORT": str(port + 3), "TS_GRPC_MANAGEMENT_PORT": str(port + 4)}
    environment = {**os.environ, **addresses, **grpc, "TS_LOAD_MODELS": "mnist.mar"}
    command = [sys.executable, "-m", "serving", "start", "--log", os.environ["SCRATCH"] + "/torchserve.log"]
    os.execve(sys.executable, command, environment)  # noqa: S606
