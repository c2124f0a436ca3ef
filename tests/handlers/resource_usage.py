"""Measure the memory and CPU time of parsing one request, in a process of its own."""

from __future__ import annotations

import resource
import sys
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.mnist.preprocessing.pipeline import preprocess_image
from handlers.request_parsing import RequestParser
from model import config

MAXRSS_UNIT = 2**10 if sys.platform == "linux" else 1  # bytes
MAX_MEMORY = 6 * 2**30  # a bomb ends this process, not the machine


class Cost(NamedTuple):
    """The pixels or the error message, the rise of the peak memory, and the CPU time."""

    pixels: NDArray[np.uint8] | NDArray[np.float32] | None
    refusal: str
    peak_mb: float
    cpu_s: float


def measure_cost(body: bytes) -> Cost:
    """Parse one request; call it once in a process."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    parser = RequestParser(config.load("mnist"), preprocess_image)
    before_mb, start_s = _peak_mb(), time.process_time()
    pixels, refusal = None, ""
    try:
        pixels = parser.parse({"body": body}, {}).inputs
    except ClientError as error:
        refusal = str(error)
    return Cost(pixels, refusal, _peak_mb() - before_mb, time.process_time() - start_s)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / 2**20
