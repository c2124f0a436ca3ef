"""Measure digits a second of bulk requests on a GPU machine, and the time of each step of such a request."""

from __future__ import annotations

import argparse
import http.client
import io
import json
import shutil
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk
from benchmarks.load.payloads import bulk
from benchmarks.reporting.results import FOLDER, Record, Results
from benchmarks.scenarios.sweeps import BULK
from benchmarks.servers.impl.digit import load_net
from benchmarks.servers.process import Server
from benchmarks.servers.registry import OURS
from common.cli import positive_int

REPEATS, WARM_UP = 200, 20
IF_INTERRUPTED = "the server is stopped"
EXAMPLES = """\
examples:
  python -m benchmarks gpu
  python -m benchmarks gpu --digits 256 --device cpu
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--digits", type=positive_int, default=1024, help="digits in one request (default: 1024)")
    parser.add_argument("--device", default="cuda", help="torch device of the single steps (default: cuda)")


def run(args: argparse.Namespace) -> None:
    if args.device == "cuda" and not torch.cuda.is_available():
        raise BenchmarkError("torch finds no CUDA device here; run it on a machine that has one")
    record = measure(args.digits, torch.device(args.device))
    print(json.dumps(record, indent=2))
    Results(FOLDER / "gpu.jsonl", {"digits": args.digits}).add({"kind": "gpu", **record})


def measure(digits: int, device: torch.device) -> Record:
    """Measure a bulk request of `digits`, its steps, and single digits if wrk is installed."""
    body = bulk(digits)
    steps = measure_steps(body, device)
    with Server(OURS) as server:
        request_ms = _median_ms(_sender(server.port, body))
        singles = server.sample_requests()
        loads = [wrk.run(server.port, singles, c, 10) for c in (64, 256)] if shutil.which("wrk") else []
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "digits": digits,
        "request_ms": request_ms,
        "digits_per_s": digits / request_ms * 1000,
        **steps,
        "protocol_ms": request_ms - sum(steps.values()),  # HTTP, TorchServe, encoding of the response
        "singles": loads,
    }


def measure_steps(body: bytes, device: torch.device) -> dict[str, float]:
    """Return the median milliseconds of each step of a bulk request in one process."""
    net = load_net().to(device)
    pixels = torch.from_numpy(np.load(io.BytesIO(body)).reshape(-1, 784)).float() / 255
    on_device = pixels.to(device)

    def synchronize(step: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        return run

    with torch.inference_mode():
        probabilities = net(on_device).softmax(dim=1)
        return {
            "read_ms": _median_ms(lambda: np.load(io.BytesIO(body)).reshape(-1, 784).astype(np.float32) / 255),
            "transfer_ms": _median_ms(synchronize(lambda: (pixels.to(device), probabilities.cpu()))),
            "compute_ms": _median_ms(synchronize(lambda: net(on_device).softmax(dim=1))),
        }


def _sender(port: int, body: bytes) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def send() -> None:
        connection.request("POST", BULK.path, body, dict(BULK.headers))
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK or not response.read():
            raise BenchmarkError(f"the server answered {response.status} to a bulk request")

    return send


def _median_ms(step: Callable[[], object]) -> float:
    times = []
    for _ in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        step()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[WARM_UP:])
