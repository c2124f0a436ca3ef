"""The ten digits as a hand draws them: strokes of points from 0 to 1, x to the right, y down."""

from __future__ import annotations

import math

Point = tuple[float, float]


def arc(x: float, y: float, rx: float, ry: float, start_deg: float, end_deg: float) -> list[Point]:
    """Points of an ellipse around x, y; 0° is on the right, 90° below."""
    angles = [math.radians(start_deg + (end_deg - start_deg) * i / 24) for i in range(25)]
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


STROKES: dict[int, list[list[Point]]] = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    1: [[(0.52, 0.2), (0.48, 0.8)]],
    2: [[*arc(0.48, 0.36, 0.18, 0.16, -170, 40), (0.3, 0.78), (0.72, 0.78)]],
    3: [[*arc(0.47, 0.35, 0.17, 0.15, -150, 90), *arc(0.47, 0.65, 0.2, 0.16, -90, 150)]],
    4: [[(0.4, 0.2), (0.3, 0.52), (0.68, 0.52)], [(0.63, 0.22), (0.58, 0.82)]],
    5: [[(0.36, 0.22), (0.34, 0.46), *arc(0.47, 0.61, 0.19, 0.19, -120, 150)], [(0.36, 0.22), (0.68, 0.22)]],
    6: [[(0.6, 0.18), (0.42, 0.4), *arc(0.49, 0.64, 0.16, 0.16, -180, 180)]],
    7: [[(0.3, 0.24), (0.7, 0.24), (0.45, 0.8)]],
    8: [[*arc(0.5, 0.35, 0.14, 0.15, 90, -270), *arc(0.5, 0.66, 0.17, 0.16, -90, 270)]],
    9: [[*arc(0.49, 0.37, 0.16, 0.16, 0, -360), (0.65, 0.37), (0.6, 0.82)]],
}
