"""Bring a digit's coverage to MNIST's form: stroke width, size and position.

MNIST's form (LeCun, Cortes, Burges: The MNIST database): the digit scaled into 20×20 with its aspect ratio kept, gray
levels only from antialiasing, placed in 28×28 with its center of mass in the middle.
"""

from __future__ import annotations

import cv2
import numpy as np

from handlers.mnist.preprocessing.binarize import FOREGROUND, Coverage
from handlers.mnist.preprocessing.decode import ImageArray

SIDE = 28
BOX_PX = 20
STROKE_PX = (2.2, 3.8)  # the 10th and 90th percentile of MNIST's stroke widths
DRAWING_PX = 120  # the digit's size when its stroke width is measured and changed


def is_mnist_form(image: ImageArray) -> bool:
    """Return whether the image is 28×28 gray with a bright digit about 20 pixels long, centered by mass.

    MNIST's 70,000: all 19 or 20 long, centers 13.48 to 14.50, brightest pixel 254 or 255.
    """
    if image.shape != (SIDE, SIDE):
        return False
    _, _, w, h = cv2.boundingRect(image)
    if not 17 <= max(w, h) <= 22:
        return False
    moments = cv2.moments(image)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return max(abs(x - 14), abs(y - 14)) < 1 and cv2.norm(image, cv2.NORM_INF) > 127


def normalize_stroke_width(coverage: Coverage) -> Coverage:
    """Redraw the digit at about 120 pixels with a stroke as wide as MNIST's and an antialiased edge."""
    w, h = cv2.boundingRect(np.asarray(coverage > FOREGROUND, np.uint8))[2:]
    scale = DRAWING_PX / max(w, h)
    if scale > 1:
        coverage = np.asarray(cv2.resize(coverage, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.float32)
    size = max(w, h) * max(scale, 1.0)
    distance = signed_distance(np.pad(coverage, round(0.2 * size)))
    # The mean distance to the edge inside a band is a quarter of the band's width.
    width_px = 4 * float(distance[distance > 0].mean()) * BOX_PX / size
    target_px = min(max(width_px, STROKE_PX[0]), STROKE_PX[1])
    growth = (target_px - width_px) / 2 * size / BOX_PX
    return np.asarray(np.clip(distance + growth + 0.5, 0, 1), np.float32)


def signed_distance(coverage: Coverage) -> Coverage:
    """Return each pixel's distance to the digit's edge in pixels, [h, w], positive inside and negative outside."""
    mask = np.asarray(coverage > FOREGROUND, np.uint8)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)), np.float32)


def fit_box(coverage: Coverage) -> Coverage:
    """Crop to the digit and scale its longer side to 20 pixels, aspect ratio kept."""
    x, y, w, h = cv2.boundingRect(np.asarray(coverage > FOREGROUND, np.uint8))
    scale = BOX_PX / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return np.asarray(cv2.resize(coverage[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA), np.float32)


def center_by_mass(box: Coverage) -> ImageArray:
    """Place a box of at most 20×20 in uint8 [28, 28], its center of mass in the middle, its strongest pixel 255."""
    weight = box / box.sum()
    x_mean = float(weight.sum(axis=0) @ np.arange(box.shape[1]))
    y_mean = float(weight.sum(axis=1) @ np.arange(box.shape[0]))
    x = min(max(round(14 - x_mean), 0), SIDE - box.shape[1])
    y = min(max(round(14 - y_mean), 0), SIDE - box.shape[0])
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[y : y + box.shape[0], x : x + box.shape[1]] = np.round(box * (255 / box.max()))
    return image
