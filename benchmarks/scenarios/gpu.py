"""Our server on a GPU machine: digits a second in bulk, and where a bulk request's time goes.

python -m benchmarks.scenarios.gpu --digits 1024
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk as closed_loop
from benchmarks.load.payloads import bulk
from benchmarks.reporting.results import FOLDER, Results
from benchmarks.scenarios.sweeps import BULK, OURS
from benchmarks.servers.impl.digit import load_net
from benchmarks.servers.process import Server
from benchmarks.servers.registry import SAMPLES

REPEATS = 200


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenarios.gpu", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--digits", type=int, default=1024, help="in one request (1024)")
    parser.add_argument("--device", default="cuda", help="(cuda)")
    args = parser.parse_args(arguments)
    try:
        if args.device == "cuda" and not torch.cuda.is_available():
            raise BenchmarkError("torch finds no CUDA device here; run it on a machine that has one")
        record = measure(args.digits, torch.device(args.device))
        print(json.dumps(record, indent=2))
        Results(Path(FOLDER, "gpu.jsonl"), {"digits": args.digits}).add({"kind": "gpu", **record})
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def measure(digits: int, device: torch.device) -> dict[str, Any]:
    body = bulk(digits)
    steps = split(body, device)
    with Server(OURS) as server:
        request_ms = _median_ms(_asker(server.port, body))
        singles = [server.request(path.read_bytes()) for path in SAMPLES.values()]
        loads = [closed_loop.run(server.port, singles, c, 10) for c in (64, 256)] if shutil.which("wrk") else []
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "digits": digits,
        "request_ms": request_ms,
        "digits_per_s": digits / request_ms * 1000,
        **steps,
        "protocol_ms": request_ms - sum(steps.values()),  # HTTP, TorchServe, JSON or .npy of the answer
        "singles": loads,
    }


def split(body: bytes, device: torch.device) -> dict[str, float]:
    """Median milliseconds of each step of a bulk request in one process."""
    net = load_net().to(device)
    pixels = torch.from_numpy(np.load(io.BytesIO(body)).reshape(-1, 784)).float() / 255
    there = pixels.to(device)

    def synchronised(step: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        return run

    with torch.inference_mode():
        answer = net(there).softmax(dim=1)
        return {
            "read_ms": _median_ms(lambda: np.load(io.BytesIO(body)).reshape(-1, 784).astype(np.float32) / 255),
            "transfer_ms": _median_ms(synchronised(lambda: (pixels.to(device), answer.cpu()))),
            "compute_ms": _median_ms(synchronised(lambda: net(there).softmax(dim=1))),
        }


def _asker(port: int, body: bytes) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask() -> None:
        connection.request("POST", BULK.path, body, dict(BULK.headers))
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK or not answer.read():
            raise BenchmarkError(f"the server answered {answer.status} to a bulk request")

    return ask


def _median_ms(step: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS + 20):
        began = time.perf_counter()
        step()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[20:])


if __name__ == "__main__":
    sys.exit(main())
