"""Request bodies other than single small digits: bulk arrays, and photos of any size."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from benchmarks.servers.registry import SAMPLES

PHOTO_SIDES = ((28, 28), (200, 150), (800, 600), (2000, 1500), (4000, 3000))
SEED = 7


def bulk(count: int) -> bytes:
    """Return an .npy file of uint8 [count, 28, 28] that repeats the ten samples."""
    digits = [np.asarray(Image.open(path)) for path in SAMPLES.values()]
    stream = io.BytesIO()
    np.save(stream, np.stack([digits[i % len(digits)] for i in range(count)]))
    return stream.getvalue()


def photo(width: int, height: int) -> bytes:
    """Return a JPEG of a dark seven on a light, unevenly lit, noisy background; at 28×28 the sample itself, a PNG."""
    if (width, height) == (28, 28):
        return SAMPLES[7].read_bytes()
    side = round(min(width, height) * 0.6)
    foreground = np.asarray(Image.open(SAMPLES[7]).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
    lighting = np.linspace(235, 190, width, dtype=np.float32)[None, :]
    picture = lighting + np.random.default_rng(SEED).normal(0, 4, (height, width))
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] *= 1 - 0.8 * foreground
    stream = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).convert("RGB").save(stream, "JPEG", quality=90)
    return stream.getvalue()
