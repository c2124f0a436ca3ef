"""The way of an encoded image from its file to MNIST's form, step by step.

`preprocess_image(Path("photo.jpg").read_bytes())` returns uint8 [28, 28], a bright digit on 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from handlers.mnist.errors import NoDigitError, SeveralDigitsError
from handlers.mnist.preprocessing.binarize import ink_coverage
from handlers.mnist.preprocessing.decode import ImageArray, decode_image, upright_size
from handlers.mnist.preprocessing.localize import Box, Mask, Place, locate_digit, upscale_small
from handlers.mnist.preprocessing.normalize import center_by_mass, fit_box, is_mnist_form, normalize_stroke_width

Judge = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]  # pixels [n, 784] -> how much like digits, [n]


class Reading(NamedTuple):
    """What was read and where.

    `box` is in pixels of the image as sent, turned upright. `ink_outside` is the share of the ink that is not in the
    digit: text, other shapes, specks.
    """

    pixels: ImageArray  # [28, 28]
    box: Box
    ink_outside: float


def preprocess_image(data: bytes, judge: Judge | None = None) -> ImageArray:
    """Bring the digit in an image file to MNIST's form: uint8 [28, 28], bright on 0.

    An image in MNIST's form already is returned unchanged. In doubt, `judge` chooses the reading most like a digit.
    Raises ClientError for a file that cannot be decoded, NoDigitError for an image without a digit and
    SeveralDigitsError for a number.
    """
    image = decode_image(data)
    return image if is_mnist_form(image) else choose_reading(upscale_small(image), judge)[0]


def read_image(data: bytes, judge: Judge | None = None) -> Reading:
    """Do as `preprocess_image` does, and say where the digit is."""
    image = decode_image(data)
    width, height = upright_size(data)
    if is_mnist_form(image):
        return Reading(image, (0, 0, width, height), 0.0)
    image = upscale_small(image)
    pixels, place = choose_reading(image, judge)
    scale = max(width, height) / max(image.shape[:2])
    x, y, w, h = place.digit.box
    left, top = max(0, round((x + place.x) * scale)), max(0, round((y + place.y) * scale))
    right, bottom = round((x + w + place.x) * scale), round((y + h + place.y) * scale)
    box = left, top, min(width, right) - left, min(height, bottom) - top
    return Reading(pixels, box, place.digit.other_ink / (1 + place.digit.other_ink))


def choose_reading(image: ImageArray, judge: Judge | None) -> tuple[ImageArray, Place]:
    """Return the pixels [28, 28] of the digit in a decoded image, and its place."""
    places = locate_digit(image)
    if judge is not None and len(places) > 1:
        places = [max(places, key=lambda place: likeness(place, judge))]
    digit = places[0].digit
    if digit.parts:
        raise SeveralDigitsError(len(digit.parts))
    return normalize(places[0], digit.mask), places[0]


def likeness(place: Place, judge: Judge) -> float:
    """Return the judge's score of a reading: of a number, that of the part least like a digit."""
    try:
        pixels = [normalize(place, mask) for mask in place.digit.parts or [place.digit.mask]]
    except NoDigitError:
        return -np.inf
    return float(judge(np.stack(pixels).reshape(-1, 784)).min())


def normalize(place: Place, mask: Mask) -> ImageArray:
    """Bring the digit under the mask to MNIST's form."""
    coverage = ink_coverage(place.image, mask, place.digit.is_solid)
    coverage = normalize_stroke_width(coverage)
    box = fit_box(coverage)
    return center_by_mass(box)
