"""The steps of an image's way to MNIST's form, each on top of those before it, to see what each of them earns."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from handlers.mnist.preprocessing.binarize import FOREGROUND, Coverage, ink_coverage
from handlers.mnist.preprocessing.decode import ImageArray, decode_image
from handlers.mnist.preprocessing.localize import locate_digit, upscale_small
from handlers.mnist.preprocessing.normalize import center_by_mass, fit_box
from handlers.mnist.preprocessing.pipeline import preprocess_image

Read = Callable[[bytes], ImageArray]  # an image file -> uint8 [28, 28]; raises ClientError


def resized(data: bytes) -> ImageArray:
    """What is usually done: grey, and resized to 28 by 28."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L").resize((28, 28), Image.Resampling.BILINEAR))


def with_polarity(data: bytes) -> ImageArray:
    """Decoded with care for orientation and alpha, grey, light on dark by the border's brightness, resized."""
    picture = decode_image(data)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light = grey if np.median(border) < 128 else ~grey
    return np.asarray(cv2.resize(light, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def found_ink(data: bytes) -> Coverage:
    """The ink of the digit that was found, its paper taken away."""
    image = upscale_small(decode_image(data))
    coverage = ink_coverage(image, locate_digit(image))
    x, y, w, h = cv2.boundingRect(np.asarray(coverage > FOREGROUND, np.uint8))
    return coverage[y : y + h, x : x + w]


def with_ink_found(data: bytes) -> ImageArray:
    """The found ink stretched over the field."""
    return np.asarray(cv2.resize(found_ink(data) * 255, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def with_box(data: bytes) -> ImageArray:
    """The found ink in a 20 by 20 box, aspect kept, the box in the middle."""
    box = fit_box(found_ink(data))
    top, left = (28 - box.shape[0]) // 2, (28 - box.shape[1]) // 2
    field = np.zeros((28, 28), np.uint8)
    field[top : top + box.shape[0], left : left + box.shape[1]] = box * 255
    return field


def with_mass_centred(data: bytes) -> ImageArray:
    return center_by_mass(fit_box(found_ink(data)))


STEPS: dict[str, Read] = {
    "plain resize": resized,
    "+ decoding, polarity": with_polarity,
    "+ ink found": with_ink_found,
    "+ 20x20 box": with_box,
    "+ centre of mass": with_mass_centred,
    "+ stroke width": preprocess_image,
}
