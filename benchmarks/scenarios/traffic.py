"""Send minutes of mixed traffic as a service might see it, for the dashboards to show: quiet, busy, burst, drift.

The digits are MNIST's test set. Some images hold no digit, others are two digits laid over each other, which no net can
classify with confidence; in the phase of drift these are many.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.load import open_loop
from benchmarks.load.http1 import post_request
from common.cli import positive_int
from common.paths import ROOT

IMAGES = ROOT / "data/MNIST/raw/t10k-images-idx3-ubyte"
CONNECTIONS = 128
DISTINCT = 2000  # requests, sent in turn
SEED = 5
IF_INTERRUPTED = "no more traffic is sent"
EXAMPLES = """\
examples:
  python -m benchmarks traffic
  python -m benchmarks traffic --port 8080
"""


class Phase(NamedTuple):
    """Duration and rate of the traffic, and the shares of images that are blank and that are two digits."""

    name: str
    seconds: float
    rate: float
    blank: float
    blended: float


PHASES = (
    Phase("quiet", 40, 40, 0.02, 0.02),
    Phase("busy", 50, 300, 0.02, 0.02),
    Phase("burst", 20, 1500, 0.02, 0.02),
    Phase("busy", 45, 300, 0.02, 0.02),
    Phase("drift", 70, 300, 0.25, 0.4),
    Phase("busy", 45, 300, 0.02, 0.02),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=positive_int, default=8000, help="the gateway's port on this machine (default: 8000)"
    )


def run(args: argparse.Namespace) -> None:
    if not IMAGES.is_file():
        raise BenchmarkError("there is no MNIST in data/; `make train` fetches it")
    digits = np.frombuffer(IMAGES.read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28)
    for phase in PHASES:
        print(f"{phase.name}: {phase.rate:g} requests/s for {phase.seconds:g} s", flush=True)
        requests = [
            post_request("/predictions/mnist", image, {"Content-Type": "image/png"}, f"127.0.0.1:{args.port}")
            for image in draw_images(phase, digits)
        ]
        load = open_loop.OpenLoop(args.port, requests, lambda *_: True)
        try:
            open_loop.run(load, phase.rate, phase.seconds, CONNECTIONS)
        except OSError as error:
            raise BenchmarkError(str(error)) from error
        print(f"  {len(load.latencies)} answered, {load.refused} refused, {load.broken} broken")


def draw_images(phase: Phase, digits: NDArray[np.uint8]) -> list[bytes]:
    """Return PNGs of single digits, blank images and pairs of digits, from `digits`, uint8 [n, 28, 28]."""
    random = np.random.default_rng(SEED)
    images = digits[random.integers(0, len(digits), DISTINCT)]
    others = digits[random.integers(0, len(digits), DISTINCT)]
    for i, chance in enumerate(random.random(DISTINCT)):
        if chance < phase.blank:
            images[i] = 255
        elif chance < phase.blank + phase.blended:
            images[i] = np.maximum(images[i], others[i])
    return [cv2.imencode(".png", image)[1].tobytes() for image in images]
