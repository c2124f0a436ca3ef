"""Pictures that hold no digit: what share of them is refused, and whether the net doubts the rest."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.mnist.robustness import rendering as w
from training.mnist.robustness.rendering import Rng
from training.mnist.robustness.samples import SEED, Sample
from training.mnist.robustness.synthetic_digits import LETTERS, draw


def blank(rng: Rng) -> bytes:
    return w.encode(np.full((int(rng.integers(28, 600)), int(rng.integers(28, 600)), 3), rng.integers(256), np.uint8))


def empty_page(rng: Rng) -> bytes:
    """Paper in uneven light with nothing on it."""
    shape = (int(rng.integers(400, 800)), int(rng.integers(400, 800)))
    return w.jpeg(w.sensor(w.light(w.shadow(w.paper(shape, rng), rng, 0.2), rng), rng))


def empty_ruled_page(rng: Rng) -> bytes:
    shape = (int(rng.integers(400, 800)), int(rng.integers(400, 800)))
    lines = w.rules(shape, rng.uniform(0.05, 0.14) * min(shape), rng.random() < 0.5, rng)
    return w.jpeg(w.sensor(w.tilt(w.lay(w.paper(shape, rng), lines, (0.6, 0.7, 0.85)), 0.06, rng), rng))


def gradient(rng: Rng) -> bytes:
    return w.jpeg(w.light(np.ones((300, 400, 3), np.float32), rng, rng.uniform(0.2, 0.9)))


def noise(rng: Rng) -> bytes:
    side = int(rng.integers(28, 300))
    return w.encode(rng.integers(0, 256, (side, side, 3), np.uint8))


def photo(rng: Rng) -> bytes:
    """A scene of surfaces: overlapping shapes of many colours with texture, in some light."""
    page = w.paper((480, 640), rng, tuple(rng.random(3)))
    for _ in range(25):
        centre, axes = rng.integers(0, 640, 2).tolist(), rng.integers(20, 200, 2).tolist()
        colour = rng.random(3).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(page, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints((centre, axes, float(rng.uniform(0, 90))))
            cv2.fillPoly(page, [box.astype(np.int32)], colour, cv2.LINE_AA)
    texture = 1 + 0.15 * rng.normal(0, 1, (480, 640, 1)) * w.cloud((480, 640), 5, rng)[..., None]
    return w.jpeg(w.sensor((w.light(page, rng) * texture).astype(np.float32), rng, 1.0, 0.02))


def letter(rng: Rng) -> bytes:
    """A capital that looks like no digit, drawn as the digits are."""
    name = list(LETTERS)[rng.integers(len(LETTERS))]
    ink = draw(LETTERS[name][0], int(rng.integers(200, 400)), rng.uniform(0.05, 0.12), rng)
    return w.encode(w.eight_bit(w.lay(w.paper(ink.shape, rng), ink, w.pick(rng))))


NEGATIVES: dict[str, Callable[[Rng], bytes]] = {
    f.__name__: f for f in (blank, empty_page, empty_ruled_page, gradient, noise, photo, letter)
}


def negatives_of(name: str, count: int) -> list[Sample]:
    rng = np.random.default_rng([SEED, *name.encode()])
    return [Sample(name, "negative", -1, NEGATIVES[name](rng)) for _ in range(count)]
