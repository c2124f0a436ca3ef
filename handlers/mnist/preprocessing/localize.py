"""Where in a picture the digit's ink is: which polarity, which components, apart from paper and shadows."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from handlers.mnist.preprocessing.binarize import grey_along_ink, ink_levels, ink_of, shrunk
from handlers.mnist.preprocessing.decode import Pixels

FINDING_PX = 384  # the longer side at which the digit is looked for
# Of the longer side: what is wider is paper or board, what is narrower may be a stroke; None: the border is the paper.
PAPER_SPANS = (None, 0.2)
MIN_SPAN_PX = 16
PEAKS = 2
MIN_CONTRAST = 6.0  # grey levels across the edge of a stroke
MIN_SIZE = 0.025  # of the picture's longer side
MAX_ALONG = 0.8  # of its width and height along the picture's edge: what is more is a bar or a strip of table
MAX_EDGE = 0.4  # of the picture's border: what covers more is a table around the paper
MAX_CLUTTER = 2.0  # times the digit's ink: where there is more of the like, it is noise, texture or text
MAX_OUTLINES = 9  # of the pieces and holes of one digit, specks included
MAX_AROUND = 10.0  # times its size: the length of all outlines
RIM_PX = 96  # the digit's longer side while its edge is measured
MIN_ENCLOSED = 0.3  # of a frame's size: the digit in it
PEN_LEVEL = 0.4  # of the strongest ink


class Digit(NamedTuple):
    mask: Pixels  # [h, w], 1 where the digit's ink is
    box: tuple[int, int, int, int]  # x, y, width, height of it
    contrast: float  # grey levels across its edge
    score: float


def find_digit(picture: Pixels) -> Pixels | None:
    """The ink of the most plausible digit as a mask [h, w] of 0 and 1, or None."""
    h, w = picture.shape[:2]
    small = shrunk(picture, FINDING_PX)
    grey = grey_along_ink(small)
    digit = outer(best_of_spans(~grey), best_of_spans(grey))
    if digit is None:
        return None
    return np.asarray(cv2.resize(digit.mask, (w, h), interpolation=cv2.INTER_NEAREST), np.uint8)


def best_of_spans(grey: Pixels) -> Digit | None:
    """The best light digit. A smaller span sees less unevenness but may hollow a stroke: it must be clearly better."""
    best: Digit | None = None
    for span in PAPER_SPANS:
        digit = best_in(grey, span) if span is None or span * min(grey.shape) >= MIN_SPAN_PX else None
        if digit is not None and (best is None or digit.score > 2 * best.score):
            best = digit
    return best


def outer(dark: Digit | None, light: Digit | None) -> Digit | None:
    """The better of two polarities, but never the paper that a digit encloses: the hole of a 0, the bays of a 3."""
    if dark is None or light is None:
        return dark or light
    better, other = (dark, light) if dark.score >= light.score else (light, dark)
    hole = contains(other.box, better.box) and other.contrast > 0.4 * better.contrast
    return other if hole and not sheet_like(other) else better


def contains(box: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> bool:
    """Whether (x, y, width, height) holds the inner box."""
    axes = zip(box[:2], box[2:], inner[:2], inner[2:], strict=True)
    return all(start <= at and at + length <= start + size for start, size, at, length in axes)


def sheet_like(digit: Digit) -> bool:
    """Whether the shape fills its hull like a sheet of paper, which may hold a digit of the other polarity."""
    _, _, w, h = digit.box
    hull = cv2.contourArea(cv2.convexHull(cv2.findNonZero(digit.mask)))
    return min(w, h) > 0.55 * max(w, h) and int(np.count_nonzero(digit.mask)) > 0.85 * hull


def best_in(grey: Pixels, span: float | None) -> Digit | None:
    """The best light group of components, looked for under the ink's highest peak, then under what is left."""
    ink = ink_of(grey, span)
    best: Digit | None = None
    for _ in range(PEAKS):
        ground, peak = ink_levels(ink)
        if peak - ground < MIN_CONTRAST:
            break
        mask = np.asarray(ink > ground + PEN_LEVEL * (peak - ground), np.uint8)
        digit = best_group(mask, grey)
        if digit is not None and (best is None or digit.score > best.score):
            best = digit
        ink[cv2.dilate(mask, np.ones((5, 5), np.uint8)) > 0] = 0
    return best


def border_share(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    """[count]: how much of the picture's border each component covers, 0 to 1."""
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    return np.bincount(border, minlength=count)[:count] / len(border)


def best_group(mask: Pixels, grey: Pixels) -> Digit | None:
    """The largest component of the mask that is no edge of the picture, with the pieces that belong to it."""
    count, *arrays = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels, stats = np.asarray(arrays[0], np.int32), np.asarray(arrays[1], np.int32)
    edge = border_share(labels, count)
    along = edge * (2 * sum(mask.shape) - 4) / stats[:, 2:4].sum(axis=1)  # 1 for a strip along the edge
    size = stats[:, 2:4].max(axis=1) / max(mask.shape) * np.where(along < MAX_ALONG, 1 - along, 0)
    size[0] = 0
    outermost = int(size.argmax())
    if size[outermost] < MIN_SIZE or edge[outermost] > MAX_EDGE:
        return None
    main = enclosed(labels, stats, outermost)
    crossing = (stats[:, 2] == mask.shape[1]) | (stats[:, 3] == mask.shape[0])  # rules, from border to border
    member = belongs(stats, main) & (edge < 0.05) & ~crossing
    member[outermost] = False
    member[main] = True
    other = ~member & (along < 0.5)
    other[[0, outermost]] = False
    if stats[other, 4].sum() > MAX_CLUTTER * stats[member, 4].sum():
        return None
    chosen = np.asarray(member[labels], np.uint8)
    contrast = rim_contrast(chosen, grey)
    if contrast < MIN_CONTRAST or no_stroke(chosen):
        return None
    x, y, w, h = cv2.boundingRect(chosen)
    digit = Digit(chosen, (x, y, w, h), contrast, float(size[main]) * contrast**2)
    return digit._replace(score=0.1 * digit.score) if sheet_like(digit) else digit


def enclosed(labels: npt.NDArray[np.int32], stats: npt.NDArray[np.int32], outer: int) -> int:
    """The component itself, or a large one in its holes: no digit encloses ink, so then it is a frame."""
    x, y, w, h = stats[outer, :4]
    cut = labels[y : y + h, x : x + w]
    outline = cv2.findContours(np.asarray(cut == outer, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = cv2.drawContours(np.zeros(cut.shape, np.uint8), outline, -1, 1, cv2.FILLED)
    held = np.unique(cut[(filled > 0) & (cut > 0)])  # the component is among them
    size = stats[held, 2:4].max(axis=1) * (held != outer)
    return int(held[size.argmax()]) if size.max() > MIN_ENCLOSED * max(w, h) else outer


def belongs(stats: npt.NDArray[np.int32], main: int) -> npt.NDArray[np.bool_]:
    """[count]: the components near the main one and large enough to be part of the same digit."""
    x, y, w, h, area = stats.T
    reach = 0.25 * max(w[main], h[main])
    gap_x = np.maximum(x - (x[main] + w[main]), x[main] - (x + w))
    gap_y = np.maximum(y - (y[main] + h[main]), y[main] - (y + h))
    member = (np.maximum(gap_x, gap_y) < reach) & (area > 0.04 * area[main])
    member[0] = False
    return np.asarray(member, np.bool_)


def rim_contrast(mask: Pixels, grey: Pixels) -> float:
    """The step in grey levels across the ink's edge, where it is lower than on seven eighths of the edge.

    A pen's stroke has its step all around; a slice of a shade, or a stroke grown together with one, hardly any on
    much of its edge; the hollow outline of a thick stroke none on its inner side.
    """
    x, y, w, h = cv2.boundingRect(mask)
    margin = max(5, max(w, h) // 10)
    cut = slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin)
    inside, pixels = shrunk(255 * mask[cut], RIM_PX) // 128, shrunk(grey[cut], RIM_PX).astype(np.float32)
    square = np.ones((3, 3), np.uint8)
    outside = 1 - cv2.dilate(inside, square).astype(np.float32)
    weight = cv2.blur(outside, (7, 7))
    around = cv2.blur(pixels * outside, (7, 7)) / np.maximum(weight, 1e-3)
    rim = (inside > cv2.erode(inside, square)) & (weight > 0.02)
    step = np.sort((cv2.blur(pixels, (2, 2)) - around)[rim])
    return float(step[len(step) // 8]) if len(step) else 0.0


def no_stroke(mask: Pixels) -> bool:
    """Whether the shape is no pen's: thicker than 0.6 of its size, or a tangle.

    MNIST's digits have at most 5 outlines, 7 times as long as the digit.
    """
    x, y, w, h = cv2.boundingRect(mask)
    padded = cv2.copyMakeBorder(mask[y : y + h, x : x + w], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outlines = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
    around = sum(cv2.arcLength(outline, True) for outline in outlines)
    thick = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
    return len(outlines) > MAX_OUTLINES or around > MAX_AROUND * max(w, h) or thick > 0.6 * max(w, h)
