"""Render digits as the preprocessing hands them over: small MNIST digits and pen strokes.

Every function returns one image in MNIST's form, uint8 [28, 28]; equal generators give equal images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from handlers.mnist.errors import NoDigitError
from handlers.mnist.preprocessing.localize import upscale_small
from handlers.mnist.preprocessing.normalize import center_by_mass, fit_box, normalize_stroke_width
from training.mnist.rendered.styles import STYLES, Rng, Style
from training.mnist.robustness.synthetic_digits import SKELETONS, Skeleton, write_strokes

Image = npt.NDArray[np.uint8]  # [h, w]
Images = npt.NDArray[np.uint8]  # [n, 28, 28]

SMALL_PX = (8, 15)  # the longer side of a small digit
CANVAS_PX = 96
INK = 0.4  # of the brightest pixel: more is ink


class Source(NamedTuple):
    """MNIST digits that some kinds are made of: images uint8 [n, 28, 28] and labels [n]."""

    images: Images
    labels: npt.NDArray[np.integer[Any]]


def read(picture: Image) -> Image:
    """Bring a bright digit on black to MNIST's form, as the preprocessing does once it has found the digit.

    Raises NoDigitError for a picture without ink.
    """
    picture = upscale_small(picture)
    mask = np.asarray(picture > INK * float(picture.max()), np.uint8)
    if not mask.any():
        raise NoDigitError
    core = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = core if np.count_nonzero(core) > 0.2 * np.count_nonzero(mask) else mask
    coverage = np.clip(picture / picture[inside > 0].mean(), 0, 1) * cv2.dilate(mask, np.ones((5, 5), np.uint8))
    return center_by_mass(fit_box(normalize_stroke_width(coverage.astype(np.float32))))


def shrink(picture: Image, rng: Rng) -> Image:
    """Scale a digit down to 8 to 15 pixels, and in half of all cases enlarge it as picture viewers do."""
    x, y, w, h = cv2.boundingRect(picture)
    scale = rng.integers(SMALL_PX[0], SMALL_PX[1] + 1) / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    small = cv2.resize(picture[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    how = rng.random()
    if how < 0.5:
        zoom = rng.uniform(4, 9)
        interpolation = [cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_NEAREST][rng.choice(3, p=[0.5, 0.3, 0.2])]
        small = cv2.resize(small, None, fx=zoom, fy=zoom, interpolation=interpolation)
    if how < 0.2 or how > 0.9:
        small = np.where(small > 127, np.uint8(255), np.uint8(0))
    return np.asarray(small, np.uint8)


def small_digit(source: Source, rng: Rng) -> tuple[Image, int]:
    """Shrink an MNIST digit and read it."""
    index = int(rng.integers(len(source.images)))
    return read(shrink(source.images[index], rng)), int(source.labels[index])


def draw(skeleton: Skeleton, rng: Rng) -> Image:
    """Draw a skeleton with a random pen, from a hairline to a finger, or with a few pixels of a paint program."""
    side = CANVAS_PX if rng.random() < 0.8 else int(rng.integers(26, 40))
    pen = rng.choice([rng.uniform(0.025, 0.12), rng.uniform(0.1, 0.24)], p=[0.75, 0.25])
    line = cv2.LINE_8 if side != CANVAS_PX and rng.random() < 0.5 else cv2.LINE_AA
    canvas = np.zeros((side, side), np.uint8)
    tremor, uneven = rng.choice([0, 0.02, 0.035]), rng.random() < 0.5
    for points in write_strokes(skeleton, rng):
        wobble = cv2.GaussianBlur(rng.normal(0, tremor, (len(points), 2)), (1, 9), 0)
        path = np.round(((points + wobble) * 0.74 + 0.5) * side * 16).astype(np.int32)
        for part in np.array_split(np.arange(len(path)), max(1, len(path) // 12)) if uneven else [np.arange(len(path))]:
            width = max(1, round(pen * 0.74 * side * (1 + uneven * rng.uniform(-0.25, 0.25))))
            cv2.polylines(canvas, [path[part[0] : part[-1] + 2]], False, 255, width, line, shift=4)
    return canvas


def stroke_digit(source: Source, rng: Rng) -> tuple[Image, int]:
    """Draw one of `STYLES`, the styles to train on, shrunk in a third of all cases, and read it."""
    del source
    label = int(rng.integers(10))
    style: Style = STYLES[label][rng.integers(len(STYLES[label]))]
    picture = draw(style(rng), rng)
    return read(shrink(picture, rng) if rng.random() < 1 / 3 else picture), label


def held_out_digit(source: Source, rng: Rng) -> tuple[Image, int]:
    """Draw one of `SKELETONS`, the styles to judge by, which are never trained on."""
    del source
    label = int(rng.integers(10))
    variants = SKELETONS[str(label)]
    return read(draw(variants[rng.integers(len(variants))], rng)), label


def render(kind: Callable[[Source, Rng], tuple[Image, int]], source: Source, rng: Rng) -> tuple[Image, int]:
    """Return an image of the kind and its label, trying again where nothing is left to read."""
    while True:
        try:
            return kind(source, rng)
        except NoDigitError:
            continue
