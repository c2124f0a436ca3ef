"""The evaluation set itself: every kind with as many pictures, half MNIST test digits and half drawn strokes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.mnist.robustness.corruptions import KINDS, Kind
from training.mnist.robustness.rendering import Rng, Writer
from training.mnist.robustness.synthetic_digits import SKELETONS, Skeleton, draw, enlarge

SEED = 20260101


class Sample(NamedTuple):
    kind: str
    source: str  # "mnist" or "strokes"
    label: int
    data: bytes


def mnist_writer(pixels: npt.NDArray[np.uint8]) -> Writer:
    return lambda size_px, pen: enlarge(pixels, size_px, pen)


def stroke_writer(variants: list[Skeleton], rng: Rng) -> Writer:
    skeleton = variants[rng.integers(len(variants))]
    return lambda size_px, pen: draw(skeleton, size_px, pen, rng)


def samples_of(
    kind: str, render: Kind, count: int, digits: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
) -> Iterator[Sample]:
    """`count` pictures of one kind; digits are MNIST's test images [n, 28, 28] and labels [n]."""
    rng = np.random.default_rng([SEED, *kind.encode()])
    images, labels = digits
    for i in range(count):
        if i % 2:
            label = int(rng.integers(10))
            yield Sample(kind, "strokes", label, render(stroke_writer(SKELETONS[str(label)], rng), rng))
        else:
            pick = rng.integers(len(images))
            yield Sample(kind, "mnist", int(labels[pick]), render(mnist_writer(images[pick]), rng))


def wild_set(count: int, digits: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]) -> Iterator[Sample]:
    for kind, render in KINDS.items():
        yield from samples_of(kind, render, count, digits)
