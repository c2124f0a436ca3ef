"""What is sent besides single small digits: bulk arrays, photos of any size, and the same work without a server."""

from __future__ import annotations

import io
import time

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peer import SAMPLES
from benchmarks.peers.digit import decode, load_net

PHOTO_SIDES = ((28, 28), (200, 150), (800, 600), (2000, 1500), (4000, 3000))
SEED = 7


def bulk(count: int) -> bytes:
    """An .npy file of uint8 [count, 28, 28]: the ten samples again and again."""
    digits = [np.rint(decode(path.read_bytes()) * 255).reshape(28, 28) for path in SAMPLES.values()]
    stream = io.BytesIO()
    np.save(stream, np.stack([digits[i % len(digits)] for i in range(count)]).astype(np.uint8))
    return stream.getvalue()


def photo(width: int, height: int) -> bytes:
    """A JPEG of a dark seven on light, unevenly lit, noisy paper; at 28 by 28 the sample itself, a PNG."""
    sample = SAMPLES[7].read_bytes()
    if (width, height) == (28, 28):
        return sample
    ink = cv2.imdecode(np.frombuffer(sample, np.uint8), cv2.IMREAD_GRAYSCALE)
    side = round(min(width, height) * 0.6)
    ink = cv2.resize(ink, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    light = np.linspace(235, 190, width, dtype=np.float32)[None, :, None]
    paper = np.broadcast_to(light, (height, width, 3)) + np.random.default_rng(SEED).normal(0, 4, (height, width, 1))
    top, left = (height - side) // 2, (width - side) // 2
    paper[top : top + side, left : left + side] *= 1 - 0.8 * ink[..., None]
    return cv2.imencode(".jpg", np.clip(paper, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def images_per_s_without_server(count: int, seconds: float) -> dict[str, float]:
    """Images a second of one process and one thread: an .npy read, and `count` PNGs decoded, each with the net."""
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
            while time.perf_counter() < began + seconds or not passes:
                net(torch.from_numpy(read())).softmax(dim=1).numpy()
                passes += 1
            rates[name] = passes * count / (time.perf_counter() - began)
    return rates
