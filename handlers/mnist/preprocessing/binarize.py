"""Separate foreground from background: how much of each pixel around the digit is covered by ink."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from handlers.mnist.errors import NoDigitError
from handlers.mnist.preprocessing.decode import ImageArray
from handlers.mnist.preprocessing.localize import Mask

Coverage = npt.NDArray[np.float32]  # [h, w], 0 background to 1 foreground
Colors = npt.NDArray[np.float32]  # [h, w, c], c = 1 for gray and 3 for RGB

FOREGROUND = 0.5  # pixels with more coverage belong to the digit
ROUGHNESS_PX = 48  # the longer side at which the background's roughness is measured
MIN_BACKGROUND = 0.2  # of the digit's surroundings
MAX_ROUGHNESS = 0.18  # of the difference between background and foreground: more is not paper but part of a scene
STRENGTH = (0.3, 1.5)  # of the ink's mean strength


def ink_coverage(image: ImageArray, mask: Mask, is_solid: bool) -> Coverage:
    """Return the digit's coverage [h, w], cropped to the digit with a margin.

    Background and foreground have one color each; a pixel's coverage is its projection on the line between them.
    Where `is_solid`, the whole mask is covered, also the gaps in its ink.
    Raises NoDigitError when the background is too rough or no pixel is covered.
    """
    x, y, w, h = cv2.boundingRect(mask)
    margin = max(2, round(0.15 * max(w, h)))
    rows = slice(max(0, y - margin), y + h + margin)
    columns = slice(max(0, x - margin), x + w + margin)
    mask = mask[rows, columns]
    colors = image[rows, columns].reshape(*mask.shape, -1)
    near = np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8)), np.uint8)
    difference = colors - local_background(colors, near)
    core = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = core > 0 if np.count_nonzero(core) > 0.2 * np.count_nonzero(mask) else mask > 0
    ink = difference[inside].mean(axis=0)  # [c], from the background's color to the foreground's
    if background_roughness(difference, near) > MAX_ROUGHNESS * float(np.linalg.norm(ink)):
        raise NoDigitError
    projection = difference @ ink / max(float(ink @ ink), 1e-9)
    projection /= local_strength(projection, inside)
    coverage = np.where(near > 0, np.clip(projection, 0, 1), 0).astype(np.float32)
    if is_solid:
        coverage = np.maximum(coverage, cv2.blur(mask.astype(np.float32), (3, 3)))
    if coverage.max() <= FOREGROUND:
        raise NoDigitError
    return coverage


def local_background(colors: ImageArray, near: Mask) -> Colors:
    """Estimate the background's color at each pixel as the mean of the nearby pixels outside the mask `near`.

    colors: [h, w, c]. Returns [h, w, c].
    """
    free = np.asarray(near == 0, np.float32)
    kernel = max(3, max(near.shape) // 2) | 1
    total = cv2.blur(colors * free[..., None], (kernel, kernel)).reshape(colors.shape)
    weight = cv2.blur(free, (kernel, kernel))[..., None]
    overall = (colors * free[..., None]).sum((0, 1)) / max(float(free.sum()), 1.0)
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), overall).astype(np.float32)


def local_strength(projection: Coverage, inside: npt.NDArray[np.bool_]) -> Coverage:
    """Return how strong the ink is around each pixel, [h, w], 1 on average: pens run dry and light is uneven."""
    size = max(inside.shape) // 4 | 1
    weight = cv2.blur(inside.astype(np.float32), (size, size))
    total = cv2.blur(np.where(inside, projection, 0).astype(np.float32), (size, size))
    strength = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), 1)
    return np.clip(strength, *STRENGTH).astype(np.float32)


def background_roughness(difference: Colors, near: Mask) -> float:
    """Return the median distance between the background and its local mean, with grain and noise averaged out.

    difference: [h, w, c], each pixel less `local_background`. Returns 0 where the digit leaves too little background
    to measure.
    """
    scale = min(1.0, ROUGHNESS_PX / max(near.shape))
    size = max(1, round(near.shape[1] * scale)), max(1, round(near.shape[0] * scale))
    small = cv2.resize(difference, size, interpolation=cv2.INTER_AREA).reshape(size[0] * size[1], -1)
    foreground = cv2.resize(near * 255, size, interpolation=cv2.INTER_AREA)
    background = cv2.dilate(foreground, np.ones((5, 5), np.uint8)).ravel() == 0
    if background.mean() <= MIN_BACKGROUND:
        return 0.0
    return float(np.median(np.linalg.norm(small[background], axis=1)))
