"""Images a second of one process and one thread without a server, as JSON: what bulk requests are held against.

python -m benchmarks.scenarios.in_process_baseline 1 64 1024

A process of its own, because the one that measures the servers must not have torch: pages of a library count as shared
among all who have it, so every server would seem smaller than it is.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.load.payloads import bulk
from benchmarks.servers.impl.digit import decode, load_net
from benchmarks.servers.registry import SAMPLES

SECONDS = 1.0


def images_per_s(count: int) -> dict[str, float]:
    """Images a second by form: an .npy of `count` digits read, and as many PNGs decoded, each with the net."""
    net = load_net()
    array, pngs = bulk(count), [SAMPLES[i % 10].read_bytes() for i in range(count)]

    def from_npy() -> NDArray[np.float32]:
        return np.load(io.BytesIO(array)).reshape(-1, 784).astype(np.float32) / 255

    def from_pngs() -> NDArray[np.float32]:
        return np.stack([decode(png) for png in pngs])

    rates = {}
    with torch.inference_mode():
        for name, read in {"npy": from_npy, "png": from_pngs}.items():
            began, passes = time.perf_counter(), 0
            while time.perf_counter() < began + SECONDS or not passes:
                net(torch.from_numpy(read())).softmax(dim=1).numpy()
                passes += 1
            rates[name] = passes * count / (time.perf_counter() - began)
    return rates


def main(counts: Iterable[str]) -> None:
    print(json.dumps([{"digits": int(count), **images_per_s(int(count))} for count in counts]))


if __name__ == "__main__":
    main(sys.argv[1:])
