"""How cost grows with what is asked: digits in one request, connections, size of the image, workers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from benchmarks.load import wrk
from benchmarks.load.payloads import PHOTO_SIDES, bulk, photo
from benchmarks.reporting.results import Results
from benchmarks.scenarios.trial import warm_up
from benchmarks.servers.process import Server
from benchmarks.servers.registry import PEERS, SAMPLES, Peer
from common.paths import ROOT
from serving.client import Client

BULK_COUNTS = (1, 4, 16, 64, 256, 1024)
BULK_CONNECTIONS = (1, 4)
CONNECTIONS = (1, 4, 16, 64, 256, 1024)
WORKERS = (1, 2, 3)
PHOTO_CONNECTIONS = 4
PHOTO_SECONDS = 6  # so that even a dozen megapixels give some dozens of answers
LONGEST_WARM_UP_S = 10.0
SETTLE_S = 3.0
BY_NAME = {peer.name: peer for peer in PEERS}
OURS = BY_NAME["ours"]
BULK = dataclasses.replace(OURS, headers={"Content-Type": "application/x-npy", "Accept": "application/x-npy"})
Point = dict[str, Any]
Sweep = Callable[[float], list[Point]]


def run(results: Results, seconds: float) -> None:
    """Add the sweeps that are not there yet."""
    for name, sweep in (bar := tqdm(SWEEPS.items(), "growth", unit="sweep")):
        bar.set_postfix_str(name)
        if not results.has(kind="growth", sweep=name):
            results.add({"kind": "growth", "sweep": name, "points": sweep(seconds)})


def over_bulk(seconds: float) -> list[Point]:
    """Digits in one .npy request."""
    command = [sys.executable, "-m", "benchmarks.scenarios.in_process_baseline", *map(str, BULK_COUNTS)]
    alone = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    points: list[Point] = [{"without_server": True, **point} for point in alone]
    with _warm(OURS) as server:
        server.peer = BULK
        for digits in BULK_COUNTS:
            requests = [server.request(bulk(digits))]
            for connections in BULK_CONNECTIONS:
                measured = wrk.run(server.port, requests, connections, seconds)
                points.append({"digits": digits, **measured})
    return points


def over_connections(seconds: float) -> list[Point]:
    with _warm(OURS) as server:
        return [wrk.run(server.port, _digits(server), connections, seconds) for connections in CONNECTIONS]


def over_image_sizes(seconds: float) -> list[Point]:
    """Photos, for us, who look for the digit in them, and for mosec, whose handler only makes them small."""
    points = []
    for peer in (OURS, BY_NAME["mosec-orjson"]):
        with _warm(peer) as server:
            for width, height in PHOTO_SIDES:
                image = photo(width, height)
                measured = wrk.run(server.port, [server.request(image)], PHOTO_CONNECTIONS, max(seconds, PHOTO_SECONDS))
                points.append({"peer": peer.name, "width": width, "height": height, "bytes": len(image), **measured})
    return points


def over_workers(seconds: float) -> list[Point]:
    """More workers, for us and for TorchServe as it is usually set up."""
    points = []
    for peer in (OURS, BY_NAME["torchserve"]):
        with _warm(peer) as server, Client(management=f"http://127.0.0.1:{server.port + 1}") as client:
            for workers in WORKERS:
                client.scale("mnist", workers)
                wrk.run(server.port, _digits(server), 64, SETTLE_S)
                measured = wrk.run(server.port, _digits(server), 64, seconds)
                points.append({"peer": peer.name, "workers": workers, "memory_mb": server.tree.memory_mb(), **measured})
    return points


@contextmanager
def _warm(peer: Peer) -> Iterator[Server]:
    with Server(peer) as server:
        warm_up(server, _digits(server), LONGEST_WARM_UP_S)
        yield server


def _digits(server: Server) -> list[bytes]:
    return [server.request(path.read_bytes()) for path in SAMPLES.values()]


SWEEPS: dict[str, Sweep] = {
    "bulk": over_bulk,
    "connections": over_connections,
    "image sizes": over_image_sizes,
    "workers": over_workers,
}
