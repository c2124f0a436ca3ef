"""Measure images a second in one process and one thread without a server: the baseline of bulk requests, as JSON.

python -m benchmarks.scenarios.in_process_baseline 1 64 1024

It is a process of its own because the process that measures servers must not load torch: see benchmarks/__main__.py.
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
    """Return images a second of an .npy array of `count` digits ("npy") and of as many PNG files ("png")."""
    net = load_net()
    array, pngs = bulk(count), [SAMPLES[i % 10].read_bytes() for i in range(count)]

    def load_npy() -> NDArray[np.float32]:
        return np.load(io.BytesIO(array)).reshape(-1, 784).astype(np.float32) / 255

    def decode_pngs() -> NDArray[np.float32]:
        return np.stack([decode(png) for png in pngs])

    rates = {}
    with torch.inference_mode():
        for name, read in {"npy": load_npy, "png": decode_pngs}.items():
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
