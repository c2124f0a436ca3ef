"""The ink of a picture: one grey along the colour axis of the ink, and how far it stands out from the paper around."""

from __future__ import annotations

import cv2
import numpy as np

from handlers.mnist.preprocessing.decode import Pixels

THUMB_PX = 128  # the longer side at which the paper is looked at


def shrunk(picture: Pixels, side_px: int) -> Pixels:
    """The picture with its longer side at most `side_px`."""
    h, w = picture.shape[:2]
    scale = min(1.0, side_px / max(h, w))
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8) if scale < 1 else picture


def grey_along_ink(picture: Pixels) -> Pixels:
    """The picture as grey [h, w] along the colour axis on which neighbouring parts differ most.

    That axis, the first principal component of each pixel's difference from its surroundings, runs from paper to ink:
    through blue for yellow on white, red against green for red on green, and black to white for pencil.
    """
    if picture.ndim == 2:
        return picture
    thumb = shrunk(picture, THUMB_PX).astype(np.float32)
    local = (thumb - cv2.blur(thumb, (THUMB_PX // 4, THUMB_PX // 4))).reshape(-1, 3)
    axis = np.linalg.eigh(local.T @ local)[1][:, -1]
    axis /= np.abs(axis).sum() * (1 if axis.sum() >= 0 else -1)
    offset = 255 * -axis[axis < 0].sum()
    return np.asarray(cv2.transform(picture, np.array([[*axis, offset]])), np.uint8)


def ink_of(grey: Pixels, span: float | None) -> Pixels:
    """How much lighter each pixel is than the paper around it, [h, w].

    The paper is the morphological opening with a square wider than a stroke: it follows shadows and light of any shape.
    """
    if span is None:
        border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        return np.asarray(cv2.subtract(grey, np.full_like(grey, np.median(border))), np.uint8)
    thumb = shrunk(grey, THUMB_PX)
    side = max(3, round(span * max(thumb.shape))) | 1
    paper = cv2.morphologyEx(thumb, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    if thumb is not grey:  # else the thumb's blur would draw a line along each sharp edge
        paper = cv2.dilate(paper, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.subtract(grey, cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)), np.uint8)


def ink_levels(ink: Pixels) -> tuple[float, float]:
    """The median of the ink map, which is the paper's roughness, and its peak but for a few pixels in ten thousand."""
    share = np.cumsum(cv2.calcHist([ink], [0], None, [256], [0, 256])) / ink.size
    return float(np.searchsorted(share, 0.5)), float(np.searchsorted(share, 0.9998))
