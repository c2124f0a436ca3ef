"""An ablation of the preprocessing: variants that add one step after the other to a plain resize."""

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

Preprocess = Callable[[bytes], ImageArray]  # an image file -> uint8 [28, 28]; raises ClientError


def resize(data: bytes) -> ImageArray:
    """Convert to grayscale and resize to 28 by 28, the usual preprocessing."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L").resize((28, 28), Image.Resampling.BILINEAR))


def resolve_polarity(data: bytes) -> ImageArray:
    """Also apply the EXIF orientation and alpha, and invert pictures with a light border."""
    picture = decode_image(data)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light = grey if np.median(border) < 128 else ~grey
    return np.asarray(cv2.resize(light, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def localize_ink(data: bytes) -> Coverage:
    """Return the localized digit without its background, cut to its bounding box."""
    place = locate_digit(upscale_small(decode_image(data)))[0]
    coverage = ink_coverage(place.image, place.digit.mask, place.digit.is_solid)
    x, y, w, h = cv2.boundingRect(np.asarray(coverage > FOREGROUND, np.uint8))
    return coverage[y : y + h, x : x + w]


def stretch_ink(data: bytes) -> ImageArray:
    """Stretch the localized digit to 28 by 28."""
    return np.asarray(cv2.resize(localize_ink(data) * 255, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def center_box(data: bytes) -> ImageArray:
    """Fit the localized digit into 20 by 20, keep its aspect ratio, and center that box."""
    box = fit_box(localize_ink(data))
    top, left = (28 - box.shape[0]) // 2, (28 - box.shape[1]) // 2
    field = np.zeros((28, 28), np.uint8)
    field[top : top + box.shape[0], left : left + box.shape[1]] = box * 255
    return field


def center_mass(data: bytes) -> ImageArray:
    """Fit the localized digit into 20 by 20 and center its mass."""
    return center_by_mass(fit_box(localize_ink(data)))


PREPROCESSING_VARIANTS: dict[str, Preprocess] = {
    "plain resize": resize,
    "+ decoding, polarity": resolve_polarity,
    "+ localization": stretch_ink,
    "+ 20x20 box": center_box,
    "+ center of mass": center_mass,
    "+ stroke width": preprocess_image,
}
