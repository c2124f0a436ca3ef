"""Measure how cost grows with digits in a request, connections, image size and workers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from benchmarks.cli import add_name
from benchmarks.load import wrk
from benchmarks.load.payloads import PHOTO_SIDES, bulk, photo
from benchmarks.reporting import plots
from benchmarks.reporting.results import FOLDER, Record, Results, of_kind
from benchmarks.scenarios.trial import warm_up
from benchmarks.servers.process import Server
from benchmarks.servers.registry import BY_NAME, OURS, ServerEntry
from common.cli import positive_int
from common.paths import ROOT
from serving.client import Client

BULK_COUNTS = (1, 4, 16, 64, 256, 1024)
BULK_CONNECTIONS = (1, 4)
CONNECTIONS = (1, 4, 16, 64, 256, 1024)
WORKERS = (1, 2, 3)
PHOTO_CONNECTIONS = 4
PHOTO_SECONDS = 6  # some dozens of responses even at a dozen megapixels
MAX_WARM_UP_S = 10.0
SETTLE_S = 3.0
BULK = dataclasses.replace(OURS, headers={"Content-Type": "application/x-npy", "Accept": "application/x-npy"})
IF_INTERRUPTED = "the server is stopped; sweeps that ended are stored"
EXAMPLES = """\
examples:
  python -m benchmarks sweeps
  python -m benchmarks sweeps --seconds 5 --name quick-sweeps
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=positive_int, default=2, help="duration of each measurement (default: 2)")
    add_name(parser, "sweeps")


def run(args: argparse.Namespace) -> None:
    wrk.check()
    results = Results(FOLDER / f"{args.name}.jsonl", {"seconds": args.seconds})
    measure(results, args.seconds)
    plots.draw_sweeps(of_kind(results.records, "sweep"), results.path.with_suffix(".svg"))
    print(f"the chart is beside {results.path}")


def measure(results: Results, seconds: float) -> None:
    """Add the sweeps that are not in `results` yet."""
    for name, sweep in (bar := tqdm(SWEEPS.items(), "sweeps", unit="sweep")):
        bar.set_postfix_str(name)
        if not results.has(kind="sweep", name=name):
            results.add({"kind": "sweep", "name": name, "points": sweep(seconds)})


def sweep_bulk(seconds: float) -> list[Record]:
    """Vary the digits in one .npy request."""
    command = [sys.executable, "-m", "benchmarks.scenarios.in_process_baseline", *map(str, BULK_COUNTS)]
    baseline = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    points: list[Record] = [{"in_process": True, **point} for point in baseline]
    with _start_warm(OURS) as server:
        server.entry = BULK
        for digits in BULK_COUNTS:
            requests = [server.request(bulk(digits))]
            for connections in BULK_CONNECTIONS:
                measured = wrk.run(server.port, requests, connections, seconds)
                points.append({"digits": digits, **measured})
    return points


def sweep_connections(seconds: float) -> list[Record]:
    """Vary the connections of the closed loop."""
    with _start_warm(OURS) as server:
        return [wrk.run(server.port, server.sample_requests(), connections, seconds) for connections in CONNECTIONS]


def sweep_image_sizes(seconds: float) -> list[Record]:
    """Vary the size of photos, for our handler, which localizes the digit, and mosec's, which only downscales."""
    points = []
    for entry in (OURS, BY_NAME["mosec-orjson"]):
        with _start_warm(entry) as server:
            for width, height in PHOTO_SIDES:
                image = photo(width, height)
                measured = wrk.run(server.port, [server.request(image)], PHOTO_CONNECTIONS, max(seconds, PHOTO_SECONDS))
                points.append({"server": entry.name, "width": width, "height": height, "bytes": len(image), **measured})
    return points


def sweep_workers(seconds: float) -> list[Record]:
    """Vary the workers, for our server and for TorchServe as it is usually set up."""
    points = []
    for entry in (OURS, BY_NAME["torchserve"]):
        with _start_warm(entry) as server, Client(management=f"http://127.0.0.1:{server.port + 1}") as client:
            for workers in WORKERS:
                client.scale("mnist", workers)
                wrk.run(server.port, server.sample_requests(), 64, SETTLE_S)
                measured = wrk.run(server.port, server.sample_requests(), 64, seconds)
                memory_mb = server.tree.memory_mb()
                points.append({"server": entry.name, "workers": workers, "memory_mb": memory_mb, **measured})
    return points


@contextmanager
def _start_warm(entry: ServerEntry) -> Iterator[Server]:
    with Server(entry) as server:
        warm_up(server, server.sample_requests(), MAX_WARM_UP_S)
        yield server


SWEEPS: dict[str, Callable[[float], list[Record]]] = {
    "bulk": sweep_bulk,
    "connections": sweep_connections,
    "image sizes": sweep_image_sizes,
    "workers": sweep_workers,
}
