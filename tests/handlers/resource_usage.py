"""What reading one request costs, measured in a process of its own, where a bomb would hurt nobody."""

from __future__ import annotations

import resource
import sys
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.mnist import request_parsing

BYTES = 2**10 if sys.platform == "linux" else 1  # of ru_maxrss
MOST_MEMORY = 6 * 2**30  # so that a bomb ends here, and not the machine


class Cost(NamedTuple):
    """The pixels that were read or the sentence of the refusal, the highest memory in use, and the CPU's time."""

    pixels: NDArray[np.uint8] | NDArray[np.float32] | None
    refusal: str
    peak_mb: float
    cpu_s: float


def of(body: bytes) -> Cost:
    """Read one request, once in the life of a process."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    before_mb, start_s = _peak_mb(), time.process_time()
    pixels, refusal = None, ""
    try:
        pixels = request_parsing.parse({"body": body}, {}).pixels
    except ClientError as error:
        refusal = str(error)
    return Cost(pixels, refusal, _peak_mb() - before_mb, time.process_time() - start_s)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES / 2**20
