"""Minutes of mixed traffic as a service might see it, for the dashboard to show: quiet, busy, a burst, a drift.

python -m benchmarks.scenarios.traffic --port 8000

The digits are MNIST's test set. Some images hold no digit, others are two digits laid over each other, of which no net
can be sure; while people send something else, many are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.load import open_loop
from common.paths import ROOT

IMAGES = ROOT / "data/MNIST/raw/t10k-images-idx3-ubyte"
CONNECTIONS = 128
DISTINCT = 2000  # requests, sent in turn
SEED = 5


class Phase(NamedTuple):
    """What is sent for how many seconds at what rate; the shares of images that are blank and that are two digits."""

    name: str
    seconds: float
    rate: float
    blank: float
    blended: float


PHASES = (
    Phase("quiet", 40, 40, 0.02, 0.02),
    Phase("busy", 50, 300, 0.02, 0.02),
    Phase("a burst", 20, 1500, 0.02, 0.02),
    Phase("busy", 45, 300, 0.02, 0.02),
    Phase("something else is sent", 70, 300, 0.25, 0.4),
    Phase("busy", 45, 300, 0.02, 0.02),
)


def images(phase: Phase, digits: NDArray[np.uint8]) -> list[bytes]:
    """PNGs of single digits, of nothing, and of two digits."""
    random = np.random.default_rng(SEED)
    pictures = digits[random.integers(0, len(digits), DISTINCT)]
    others = digits[random.integers(0, len(digits), DISTINCT)]
    kinds = random.random(DISTINCT)
    for i, kind in enumerate(kinds):
        if kind < phase.blank:
            pictures[i] = 255
        elif kind < phase.blank + phase.blended:
            pictures[i] = np.maximum(pictures[i], others[i])
    return [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures]


def request(port: int, image: bytes) -> bytes:
    lines = [
        "POST /predictions/mnist HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: image/png",
        f"Content-Length: {len(image)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + image


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios.traffic", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000, help="the gateway's, on this machine (default: 8000)")
    args = parser.parse_args(arguments)
    try:
        if not IMAGES.is_file():
            raise BenchmarkError("there is no MNIST in data/; `make train` fetches it")
        digits = np.frombuffer(IMAGES.read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28)
        for phase in PHASES:
            print(f"{phase.name}: {phase.rate:g} requests/s for {phase.seconds:g} s", flush=True)
            requests = [request(args.port, image) for image in images(phase, digits)]
            load = open_loop.OpenLoop(args.port, requests, lambda *_: True)
            open_loop.run(load, phase.rate, phase.seconds, CONNECTIONS)
            print(f"  {len(load.latencies)} answered, {load.refused} refused, {load.broken} broken")
        return 0
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
