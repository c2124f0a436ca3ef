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


def dash(ink: Coverage, rng: Rng, count: int, gap: float) -> Coverage:
    """Cut the ink along `count` rays from its middle; the cuts are `gap` of its size wide."""
    mask = np.ones(ink.shape, np.float32)
    size = max(ink.shape)
    for angle in (np.arange(count) + rng.uniform(0, 1)) * 2 * np.pi / count:
        tip = size / 2 + size * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(mask, (size // 2, size // 2), tip.astype(int).tolist(), 0, max(2, round(gap * size)))
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
