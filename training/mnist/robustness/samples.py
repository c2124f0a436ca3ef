"""Generate the evaluation set: for each corruption half MNIST test digits and half synthetic ones, with fixed seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.mnist.robustness.corruptions import CORRUPTIONS, Corruption
from training.mnist.robustness.rendering import Rng, Writer
from training.mnist.robustness.synthetic_digits import SKELETONS, Skeleton, draw_skeleton, enlarge_mnist

SEED = 20260101
Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]  # images [n, 28, 28] and labels [n]


class Sample(NamedTuple):
    """An image file with its label."""

    corruption: str
    source: str  # "mnist" or "strokes"
    label: int
    data: bytes


def mnist_writer(pixels: npt.NDArray[np.uint8]) -> Writer:
    return lambda size_px, pen: enlarge_mnist(pixels, size_px, pen)


def stroke_writer(variants: list[Skeleton], rng: Rng) -> Writer:
    skeleton = variants[rng.integers(len(variants))]
    return lambda size_px, pen: draw_skeleton(skeleton, size_px, pen, rng)


def generate_samples(name: str, corrupt: Corruption, count: int, digits: Digits) -> Iterator[Sample]:
    """Yield `count` samples of one corruption; equal calls give equal bytes."""
    rng = np.random.default_rng([SEED, *name.encode()])
    images, labels = digits
    for i in range(count):
        if i % 2:
            label = int(rng.integers(10))
            yield Sample(name, "strokes", label, corrupt(stroke_writer(SKELETONS[str(label)], rng), rng))
        else:
            index = rng.integers(len(images))
            yield Sample(name, "mnist", int(labels[index]), corrupt(mnist_writer(images[index]), rng))


def generate_evaluation_set(count: int, digits: Digits) -> Iterator[Sample]:
    """Yield `count` samples of each corruption."""
    for name, corrupt in CORRUPTIONS.items():
        yield from generate_samples(name, corrupt, count, digits)
