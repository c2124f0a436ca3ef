"""Give ink the texture of a tool: grain of pencil, chalk and crayon, spray, streaks, dashes, outlines, fading."""

from __future__ import annotations

import cv2
import numpy as np

from training.mnist.robustness.rendering import Rng, smooth_noise
from training.mnist.robustness.synthetic_digits import Coverage


def add_grain(ink: Coverage, rng: Rng, grain_px: float, bare: float) -> Coverage:
    """Leave out the hollows of the paper's tooth, about `bare` of the ink, more of it towards the stroke's edge."""
    tooth = cv2.GaussianBlur(rng.normal(0, 1, ink.shape).astype(np.float32), (0, 0), grain_px)
    height = np.argsort(np.argsort(tooth, axis=None)).reshape(ink.shape) / ink.size  # its ranks: uniform, 0 to 1
    pressure = cv2.GaussianBlur(ink, (0, 0), 1.5) * (1 - bare)
    return (ink * np.clip((pressure - height) * 6 + 0.5, 0, 1)).astype(np.float32)


def spray(ink: Coverage, rng: Rng, dot_px: int, density: float) -> Coverage:
    """Replace the ink by dots, about `density` of its area, some of them beside the stroke."""
    cloud = cv2.GaussianBlur(ink, (0, 0), 0.02 * max(ink.shape))
    centers = rng.random(ink.shape) < cloud * density / dot_px**2
    dot = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (dot_px, dot_px))
    return np.asarray(cv2.dilate(centers.astype(np.uint8), dot), np.float32)


def add_streaks(ink: Coverage, rng: Rng, bare: float) -> Coverage:
    """Leave out streaks across the picture in one direction, as a dry marker does on a whiteboard."""
    h, w = ink.shape
    y, x = np.mgrid[0:h, 0:w]
    angle = rng.uniform(0, np.pi)
    bristle = (x * np.cos(angle) + y * np.sin(angle)) / (0.008 * max(h, w))
    profile = rng.random(4096)
    streaks = profile[bristle.astype(int) % 4096] + 0.25 * (smooth_noise((h, w), 12, rng) - 0.5)
    return (ink * cv2.GaussianBlur((streaks > bare).astype(np.float32), (0, 0), 0.7)).astype(np.float32)


def dash(ink: Coverage, rng: Rng, length: float, gap: float) -> Coverage:
    """Cut the ink across its strokes: dashes of `length` and gaps of `gap`, as shares of the picture's size."""
    size = max(ink.shape)
    depth = cv2.distanceTransform((ink > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    is_middle = (depth == cv2.dilate(depth, np.ones((5, 5)))) & (depth > 0.5 * depth.max())
    middle = np.argwhere(is_middle)[:, ::-1].astype(np.float64)
    cuts, mask = np.empty((0, 2)), np.ones(ink.shape, np.float32)
    for point in rng.permutation(middle):
        if len(cuts) and np.hypot(*(cuts - point).T).min() < (length + gap) * size:
            continue
        cuts = np.vstack([cuts, point])
        near = middle[np.hypot(*(middle - point).T) < 0.06 * size] - point
        along = np.linalg.eigh(near.T @ near)[1][:, -1]
        reach = 1.5 * depth.max() * np.array([-along[1], along[0]])
        ends = [np.round(point + side * reach).astype(int).tolist() for side in (-1, 1)]
        cv2.line(mask, ends[0], ends[1], 0, max(2, round(gap * size)))
    return (ink * mask).astype(np.float32)


def outline(ink: Coverage, line_px: int) -> Coverage:
    """Return the outline of the ink, a line of `line_px`."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * line_px + 1, 2 * line_px + 1))
    return np.asarray(cv2.dilate(ink, np.ones((3, 3))) - cv2.erode(ink, kernel), np.float32)


def fade(ink: Coverage, rng: Rng, weakest: float) -> Coverage:
    """Weaken the ink from one side to the other, and unevenly, down to `weakest` of its strength."""
    h, w = ink.shape
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.clip((x * np.cos(angle) + y * np.sin(angle)) / 1.2 * 0.5 + 0.5, 0, 1)
    strength = 0.7 * slope + 0.3 * smooth_noise((h, w), 5, rng)
    return (ink * (weakest + (1 - weakest) * strength)).astype(np.float32)
