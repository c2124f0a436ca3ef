"""A picture of a handwritten digit, as people send it, as the 28 by 28 pixels that MNIST would have made of it.

    read_digit(Path("photo.jpg").read_bytes())  # uint8 [28, 28], light ink on 0

MNIST's form (LeCun, Cortes, Burges: The MNIST database): the digit scaled into 20 by 20 keeping its aspect, its grey
levels only those of antialiasing, and placed in 28 by 28 so that its centre of mass is the centre of the field.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from handlers.errors import NoDigitError
from handlers.mnist.preprocessing.decode import Pixels, decode_image
from handlers.mnist.preprocessing.localize import find_digit

SIDE = 28
BOX_PX = 20
STROKE_PX = (2.2, 3.8)  # the middle four fifths of MNIST's stroke widths
DRAWING_PX = 120  # the digit's size while its strokes are measured and redrawn
INK_LEVEL = 0.5
GROUND_PX = 48  # the longer side at which the ground around the digit is judged
MIN_GROUND = 0.2  # of the digit's surroundings
MAX_UNEVENNESS = 0.18  # of the way from paper to ink: what is on more uneven ground is part of a scene
Coverage = npt.NDArray[np.float32]  # [h, w], 0 paper to 1 ink


def read_digit(data: bytes) -> Pixels:
    """The image file's digit as uint8 [28, 28], light on dark; raises ClientError when there is none."""
    picture = decode_image(data)
    return picture if is_mnist_form(picture) else to_mnist_form(picture)


def is_mnist_form(picture: Pixels) -> bool:
    """Whether the picture is 28 by 28 grey with light ink about 20 pixels long, its centre of mass in the middle.

    MNIST's 70,000: all 19 or 20 long, centres 13.48 to 14.50, brightest pixel 254 or 255.
    """
    if picture.shape != (SIDE, SIDE):
        return False
    _, _, w, h = cv2.boundingRect(picture)
    if not 17 <= max(w, h) <= 22:
        return False
    moments = cv2.moments(picture)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return max(abs(x - 14), abs(y - 14)) < 1 and cv2.norm(picture, cv2.NORM_INF) > 127


def to_mnist_form(picture: Pixels) -> Pixels:
    """Find the digit in a picture [h, w] or [h, w, 3] of any size and redraw it as uint8 [28, 28]."""
    return centred(boxed(redrawn(ink_of_digit(enlarged(picture)))))


def ink_of_digit(picture: Pixels) -> Coverage:
    """The coverage of the digit that is found, with a margin; raises ClientError when there is none."""
    mask = find_digit(picture)
    coverage = None if mask is None else coverage_of(picture, mask)
    if coverage is None or coverage.max() <= INK_LEVEL:
        raise NoDigitError("no digit found in the image; send one digit that stands out from its background")
    return coverage


def enlarged(picture: Pixels) -> Pixels:
    """A tiny picture enlarged, so that its strokes are some pixels wide and their edges lie between pixels."""
    scale = DRAWING_PX / max(picture.shape[:2])
    if scale <= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def coverage_of(picture: Pixels, mask: Pixels) -> Coverage | None:
    """How far each pixel around the digit is from paper towards ink, cut to the digit with a margin.

    Paper and ink have a colour each; a pixel's coverage is its projection on the way from one to the other. None where
    the ground is no paper.
    """
    x, y, w, h = cv2.boundingRect(mask)
    margin = max(2, round(0.15 * max(w, h)))
    rows = slice(max(0, y - margin), y + h + margin)
    columns = slice(max(0, x - margin), x + w + margin)
    mask = mask[rows, columns]
    pixels = picture[rows, columns].reshape(*mask.shape, -1)
    near = np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8)), np.uint8)
    paper = local_paper(pixels, near)
    core = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = core > 0 if np.count_nonzero(core) > 0.2 * np.count_nonzero(mask) else mask > 0
    away = pixels - paper
    way = away[inside].mean(axis=0)
    if unevenness(away, near) > MAX_UNEVENNESS * float(np.linalg.norm(way)):
        return None
    coverage = away @ way / max(float(way @ way), 1e-9)
    return np.where(near > 0, np.clip(coverage, 0, 1), 0).astype(np.float32)


def local_paper(pixels: Pixels, near: Pixels) -> Coverage:
    """The paper [h, w, c] under and around the ink: the mean of the nearby pixels that are not ink."""
    free = np.asarray(near == 0, np.float32)
    span = max(3, max(near.shape) // 2) | 1
    total = cv2.blur(pixels * free[..., None], (span, span)).reshape(pixels.shape)
    weight = cv2.blur(free, (span, span))[..., None]
    overall = (pixels * free[..., None]).sum((0, 1)) / max(float(free.sum()), 1.0)
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), overall).astype(np.float32)


def unevenness(away: Coverage, near: Pixels) -> float:
    """The median difference between the ground and its local mean, grain and noise averaged out, [h, w, c] of it given.

    0 where the digit and its soft edge leave too little ground to tell.
    """
    scale = min(1.0, GROUND_PX / max(near.shape))
    size = max(1, round(near.shape[1] * scale)), max(1, round(near.shape[0] * scale))
    small = cv2.resize(away, size, interpolation=cv2.INTER_AREA).reshape(size[0] * size[1], -1)
    ink = cv2.resize(near * 255, size, interpolation=cv2.INTER_AREA)
    ground = cv2.dilate(ink, np.ones((5, 5), np.uint8)).ravel() == 0
    return float(np.median(np.linalg.norm(small[ground], axis=1))) if ground.mean() > MIN_GROUND else 0.0


def redrawn(coverage: Coverage) -> Coverage:
    """The digit's shape at about 120 pixels, its stroke brought to MNIST's width, with an antialiased edge."""
    w, h = cv2.boundingRect(np.asarray(coverage > INK_LEVEL, np.uint8))[2:]
    scale = DRAWING_PX / max(w, h)
    if scale > 1:
        coverage = np.asarray(cv2.resize(coverage, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.float32)
    size = max(w, h) * max(scale, 1.0)
    pad = round(0.2 * size)
    distance = signed_distance(np.pad(coverage, pad))
    # inside a band the mean distance to its edge is a quarter of its width
    width_px = 4 * float(distance[distance > 0].mean()) * BOX_PX / size
    wanted_px = min(max(width_px, STROKE_PX[0]), STROKE_PX[1])
    grow = (wanted_px - width_px) / 2 * size / BOX_PX
    return np.asarray(np.clip(distance + grow + 0.5, 0, 1), np.float32)


def signed_distance(coverage: Coverage) -> Coverage:
    """How deep each pixel is in the ink, negative outside, in pixels."""
    mask = np.asarray(coverage > INK_LEVEL, np.uint8)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)), np.float32)


def boxed(coverage: Coverage) -> Coverage:
    """The ink scaled into 20 by 20, aspect kept."""
    x, y, w, h = cv2.boundingRect(np.asarray(coverage > INK_LEVEL, np.uint8))
    scale = BOX_PX / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return np.asarray(cv2.resize(coverage[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA), np.float32)


def centred(box: Coverage) -> Pixels:
    """A box of at most 20 by 20 in 28 by 28, its centre of mass nearest the middle, the strongest pixel 255."""
    weight = box / box.sum()
    x_mean = float(weight.sum(axis=0) @ np.arange(box.shape[1]))
    y_mean = float(weight.sum(axis=1) @ np.arange(box.shape[0]))
    x = min(max(round(14 - x_mean), 0), SIDE - box.shape[1])
    y = min(max(round(14 - y_mean), 0), SIDE - box.shape[0])
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[y : y + box.shape[0], x : x + box.shape[1]] = np.round(box * (255 / box.max()))
    return field
