"""Synthetic digits: stroke skeletons, drawn with random handwriting and pen pressure.

A skeleton is a list of strokes and a stroke a list of pieces, which meet in sharp corners. A piece is a smooth curve: a
Catmull-Rom spline through its points. x runs right and y down, both from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

Piece = list[tuple[float, float]]
Skeleton = list[list[Piece]]  # strokes of pieces of points
Points = npt.NDArray[np.float64]  # [n, 2]
Coverage = npt.NDArray[np.float32]  # [h, w], 0 background to 1 foreground

SKELETONS: dict[str, list[Skeleton]] = {
    "0": [
        [[[(0.52, 0.02), (0.2, 0.2), (0.12, 0.55), (0.28, 0.92), (0.6, 0.95), (0.86, 0.6), (0.8, 0.2), (0.5, 0.02)]]],
        [[[(0.6, 0.05), (0.3, 0.08), (0.14, 0.5), (0.4, 0.98), (0.75, 0.85), (0.85, 0.4), (0.66, 0.06), (0.5, 0.1)]]],
    ],
    "1": [
        [[[(0.5, 0.0), (0.5, 1.0)]]],
        [[[(0.25, 0.28), (0.55, 0.0)], [(0.55, 0.0), (0.52, 1.0)]]],
        [[[(0.28, 0.24), (0.52, 0.0)], [(0.52, 0.0), (0.52, 1.0)]], [[(0.25, 1.0), (0.8, 1.0)]]],
        [[[(0.62, 0.0), (0.4, 1.0)]]],
    ],
    "2": [
        [[[(0.12, 0.25), (0.35, 0.02), (0.75, 0.1), (0.75, 0.4), (0.1, 0.97)], [(0.1, 0.97), (0.9, 0.95)]]],
        [
            [
                [(0.15, 0.2), (0.45, 0.0), (0.8, 0.18), (0.62, 0.55), (0.25, 0.92), (0.1, 0.85), (0.25, 0.76)],
                [(0.25, 0.76), (0.55, 0.95), (0.92, 0.9)],
            ]
        ],
    ],
    "3": [
        [
            [
                [(0.15, 0.12), (0.5, 0.0), (0.8, 0.18), (0.65, 0.42), (0.4, 0.47)],
                [(0.4, 0.47), (0.75, 0.53), (0.85, 0.75), (0.55, 0.98), (0.12, 0.88)],
            ]
        ],
        [[[(0.15, 0.02), (0.82, 0.02)], [(0.82, 0.02), (0.42, 0.4)],
          [(0.42, 0.4), (0.86, 0.62), (0.6, 0.97), (0.1, 0.9)]]],
    ],
    "4": [
        [[[(0.25, 0.0), (0.12, 0.58)], [(0.12, 0.58), (0.9, 0.56)]], [[(0.65, 0.25), (0.6, 1.0)]]],
        [[[(0.68, 0.0), (0.08, 0.68)], [(0.08, 0.68), (0.92, 0.66)]], [[(0.68, 0.0), (0.66, 1.0)]]],
        [[[(0.2, 0.02), (0.18, 0.5)], [(0.18, 0.5), (0.8, 0.48)]], [[(0.78, 0.0), (0.74, 1.0)]]],
    ],
    "5": [
        [
            [[(0.25, 0.04), (0.2, 0.45)], [(0.2, 0.45), (0.6, 0.38), (0.84, 0.65), (0.6, 0.97), (0.14, 0.9)]],
            [[(0.25, 0.03), (0.82, 0.01)]],
        ],
        [[[(0.8, 0.02), (0.3, 0.03)], [(0.3, 0.03), (0.22, 0.46)],
          [(0.22, 0.46), (0.75, 0.45), (0.75, 0.9), (0.12, 0.93)]]],
        [
            [[(0.25, 0.1), (0.2, 0.48)], [(0.2, 0.48), (0.65, 0.42), (0.8, 0.7), (0.5, 0.98), (0.14, 0.88)]],
            [[(0.36, 0.02), (0.86, 0.0)]],
        ],
    ],
    "6": [
        [[[(0.68, 0.0), (0.25, 0.35), (0.15, 0.75), (0.45, 0.99), (0.8, 0.8), (0.7, 0.55), (0.4, 0.52), (0.18, 0.72)]]],
        [[[(0.5, 0.0), (0.2, 0.4), (0.18, 0.85), (0.5, 1.0), (0.8, 0.78), (0.6, 0.55), (0.2, 0.7)]]],
    ],
    "7": [
        [[[(0.1, 0.04), (0.88, 0.02)], [(0.88, 0.02), (0.38, 1.0)]]],
        [[[(0.1, 0.04), (0.88, 0.02)], [(0.88, 0.02), (0.4, 1.0)]], [[(0.28, 0.5), (0.82, 0.47)]]],
        [[[(0.12, 0.16), (0.14, 0.03)], [(0.14, 0.03), (0.85, 0.02)], [(0.85, 0.02), (0.55, 0.45), (0.45, 1.0)]]],
    ],
    "8": [
        [
            [
                [
                    (0.78, 0.12), (0.45, 0.0), (0.2, 0.2), (0.5, 0.45), (0.82, 0.75),
                    (0.5, 1.0), (0.16, 0.78), (0.5, 0.46), (0.8, 0.2), (0.72, 0.08),
                ]
            ]
        ],
        [
            [[(0.5, 0.02), (0.22, 0.22), (0.5, 0.45), (0.78, 0.22), (0.5, 0.02)]],
            [[(0.5, 0.45), (0.14, 0.72), (0.5, 0.99), (0.86, 0.72), (0.5, 0.45)]],
        ],
    ],
    "9": [
        [[[(0.78, 0.2), (0.45, 0.02), (0.18, 0.25), (0.4, 0.48), (0.76, 0.25)], [(0.76, 0.25), (0.7, 1.0)]]],
        [[[(0.8, 0.22), (0.5, 0.0), (0.2, 0.22), (0.45, 0.45), (0.8, 0.2), (0.78, 0.65), (0.5, 1.0), (0.2, 0.9)]]],
    ],
}  # fmt: skip

LETTERS: dict[str, list[Skeleton]] = {
    "A": [[[[(0.1, 1.0), (0.5, 0.0)], [(0.5, 0.0), (0.9, 1.0)]], [[(0.25, 0.62), (0.75, 0.62)]]]],
    "E": [
        [[[(0.85, 0.0), (0.2, 0.0)], [(0.2, 0.0), (0.2, 1.0)], [(0.2, 1.0), (0.85, 1.0)]], [[(0.2, 0.5), (0.7, 0.5)]]]
    ],
    "H": [[[[(0.15, 0.0), (0.15, 1.0)]], [[(0.85, 0.0), (0.85, 1.0)]], [[(0.15, 0.5), (0.85, 0.5)]]]],
    "K": [[[[(0.2, 0.0), (0.2, 1.0)]], [[(0.85, 0.0), (0.2, 0.55)], [(0.2, 0.55), (0.85, 1.0)]]]],
    "M": [
        [[[(0.1, 1.0), (0.15, 0.0)], [(0.15, 0.0), (0.5, 0.6)], [(0.5, 0.6), (0.85, 0.0)], [(0.85, 0.0), (0.9, 1.0)]]]
    ],
    "N": [[[[(0.15, 1.0), (0.15, 0.0)], [(0.15, 0.0), (0.85, 1.0)], [(0.85, 1.0), (0.85, 0.0)]]]],
    "R": [[[[(0.2, 1.0), (0.2, 0.0)], [(0.2, 0.0), (0.8, 0.1), (0.75, 0.45), (0.2, 0.5)], [(0.2, 0.5), (0.85, 1.0)]]]],
    "T": [[[[(0.1, 0.0), (0.9, 0.0)]], [[(0.5, 0.0), (0.5, 1.0)]]]],
    "W": [
        [[[(0.05, 0.0), (0.28, 1.0)], [(0.28, 1.0), (0.5, 0.4)], [(0.5, 0.4), (0.72, 1.0)], [(0.72, 1.0), (0.95, 0.0)]]]
    ],
    "X": [[[[(0.15, 0.0), (0.85, 1.0)]], [[(0.85, 0.0), (0.15, 1.0)]]]],
}


def interpolate(points: Points, steps: int = 16) -> Points:
    """Return the Catmull-Rom spline (1974) through [n, 2] points as [(n - 1) * steps + 1, 2] points."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.arange(steps)[:, None] / steps
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3))
    return np.concatenate([*parts, points[-1:]])


def random_handwriting_transform(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw a slant, a width and a rotation; return them as a [2, 2] matrix for centred coordinates."""
    slant, turn = rng.normal(0.12, 0.15), rng.normal(0, 0.06)
    shear = np.array([[rng.uniform(0.62, 0.95), -slant], [0, 1.0]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return rotation @ shear


def write_strokes(skeleton: Skeleton, rng: np.random.Generator) -> Iterable[Points]:
    """Yield each stroke of the skeleton in a random handwriting as [n, 2] points around (0, 0), about 1 high."""
    matrix = random_handwriting_transform(rng)
    moved: dict[tuple[float, float], Points] = {}
    for stroke in skeleton:
        pieces = []
        for piece in stroke:
            for point in piece:  # shared points stay shared
                moved.setdefault(point, np.array(point) - 0.5 + rng.normal(0, 0.025, 2))
            pieces.append(interpolate(np.array([moved[point] for point in piece])))
        yield np.concatenate(pieces) @ matrix.T


def draw_skeleton(skeleton: Skeleton, size_px: int, pen: float, rng: np.random.Generator) -> Coverage:
    """Draw a digit on [size, size], about 0.8 of it high, with a pen of the width `pen` times the digit's height."""
    canvas = np.zeros((size_px, size_px), np.uint8)
    for points in write_strokes(skeleton, rng):
        wobble = cv2.GaussianBlur(rng.normal(0, 0.02, (len(points), 2)), (1, 9), 0)  # tremor
        path = np.round(((points + wobble) * 0.8 + 0.5) * size_px * 16).astype(np.int32)
        pressure = 1 + 0.25 * np.sin(np.linspace(rng.uniform(0, 6), rng.uniform(6, 9), len(path)))
        for start, end, press in zip(path, path[1:], pressure, strict=False):
            width = max(1, round(pen * 0.8 * size_px * press))
            cv2.line(canvas, start.tolist(), end.tolist(), 255, width, cv2.LINE_AA, shift=4)
    return np.asarray(canvas / 255, np.float32)


def enlarge_mnist(pixels: npt.NDArray[np.uint8], size_px: int, pen: float) -> Coverage:
    """Enlarge an MNIST digit [28, 28] to [size, size], with sharp edges and about the given pen width."""
    big = cv2.resize(pixels.astype(np.float32) / 255, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    big = cv2.GaussianBlur(big, (0, 0), size_px / 90)
    level = 0.5 if pen < 0.13 else 0.25  # a lower level cuts a thicker digit out of the same blur
    return np.clip((big - level) * size_px / 12 + 0.5, 0, 1).astype(np.float32)
