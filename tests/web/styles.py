"""Ways in which people write the ten digits, five sizes and three speeds: what the page's accuracy is measured on."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from tests.web.strokes import Point, arc

Strokes = list[list[Point]]

STYLES: dict[int, dict[str, Strokes]] = {
    0: {
        "round": [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
        "open at the top": [arc(0.5, 0.5, 0.2, 0.3, -60, 250)],
        "overshooting": [arc(0.5, 0.5, 0.2, 0.3, -120, 290)],
        "narrow": [arc(0.5, 0.5, 0.13, 0.3, -90, 270)],
        "slashed": [arc(0.5, 0.5, 0.2, 0.3, -90, 270), [(0.62, 0.3), (0.38, 0.7)]],
        "square": [[(0.35, 0.25), (0.33, 0.72), (0.62, 0.76), (0.66, 0.26), (0.35, 0.25)]],
    },
    1: {
        "plain": [[(0.5, 0.2), (0.5, 0.8)]],
        "slanted": [[(0.58, 0.2), (0.44, 0.8)]],
        "with a serif": [[(0.4, 0.32), (0.52, 0.2), (0.52, 0.8)]],
        "serif and foot": [[(0.42, 0.3), (0.52, 0.2), (0.52, 0.8)], [(0.38, 0.8), (0.66, 0.8)]],
        "curved": [arc(0.2, 0.5, 0.32, 0.5, -38, 38)],
        "long flag": [[(0.32, 0.5), (0.54, 0.2), (0.54, 0.8)]],
    },
    2: {
        "plain": [[*arc(0.48, 0.36, 0.18, 0.16, -170, 40), (0.3, 0.78), (0.72, 0.78)]],
        "loop at the foot": [
            [*arc(0.48, 0.36, 0.18, 0.16, -170, 45), (0.4, 0.68), *arc(0.37, 0.73, 0.06, 0.05, -60, -300), (0.72, 0.8)]
        ],
        "like z": [[(0.32, 0.26), (0.66, 0.24), (0.32, 0.78), (0.7, 0.77)]],
        "wide": [[*arc(0.5, 0.38, 0.24, 0.14, -175, 40), (0.26, 0.74), (0.78, 0.74)]],
        "swan": [[*arc(0.47, 0.34, 0.15, 0.14, -190, 30), (0.32, 0.76), *arc(0.5, 0.84, 0.2, 0.09, -150, -40)]],
    },
    3: {
        "round": [[*arc(0.47, 0.35, 0.17, 0.15, -150, 90), *arc(0.47, 0.65, 0.2, 0.16, -90, 150)]],
        "flat top": [[(0.34, 0.24), (0.66, 0.23), (0.48, 0.45), *arc(0.47, 0.63, 0.19, 0.18, -80, 150)]],
        "no nib": [[*arc(0.46, 0.34, 0.17, 0.14, -150, 60), *arc(0.46, 0.64, 0.2, 0.17, -60, 150)]],
        "loop in the middle": [
            [
                *arc(0.47, 0.34, 0.17, 0.15, -150, 70),
                *arc(0.47, 0.5, 0.05, 0.04, 90, 270),
                *arc(0.47, 0.65, 0.2, 0.17, -80, 150),
            ]
        ],
        "leaning": [[*arc(0.52, 0.34, 0.16, 0.15, -150, 95), *arc(0.45, 0.64, 0.19, 0.16, -80, 150)]],
    },
    4: {
        "open": [[(0.4, 0.2), (0.3, 0.52), (0.68, 0.52)], [(0.63, 0.22), (0.58, 0.82)]],
        "closed": [[(0.6, 0.82), (0.6, 0.2), (0.3, 0.58), (0.72, 0.58)]],
        "closed, two strokes": [[(0.58, 0.2), (0.3, 0.58), (0.72, 0.56)], [(0.58, 0.2), (0.57, 0.82)]],
        "one sweep": [[(0.36, 0.22), (0.33, 0.48), *arc(0.45, 0.46, 0.12, 0.09, 170, 30), (0.62, 0.2), (0.57, 0.82)]],
        "lightning": [[(0.44, 0.2), (0.3, 0.55), (0.7, 0.53), (0.6, 0.36), (0.56, 0.82)]],
        "steep": [[(0.38, 0.22), (0.36, 0.5), (0.66, 0.5)], [(0.62, 0.2), (0.6, 0.82)]],
    },
    5: {
        "two strokes": [
            [(0.36, 0.22), (0.34, 0.46), *arc(0.47, 0.61, 0.19, 0.19, -120, 150)],
            [(0.36, 0.22), (0.68, 0.22)],
        ],
        "one stroke": [[(0.66, 0.22), (0.38, 0.22), (0.36, 0.46), *arc(0.47, 0.61, 0.18, 0.18, -120, 150)]],
        "like s": [[*arc(0.5, 0.35, 0.16, 0.14, -30, -200), *arc(0.49, 0.64, 0.18, 0.17, -110, 140)]],
        "hat apart": [
            [(0.37, 0.27), (0.35, 0.48), *arc(0.47, 0.62, 0.18, 0.18, -120, 150)],
            [(0.42, 0.22), (0.68, 0.2)],
        ],
        "angular": [[(0.66, 0.22), (0.37, 0.24), (0.36, 0.48), (0.6, 0.48), (0.66, 0.62), (0.58, 0.76), (0.34, 0.76)]],
    },
    6: {
        "plain": [[(0.6, 0.18), (0.42, 0.4), *arc(0.49, 0.64, 0.16, 0.16, -180, 180)]],
        "curved stem": [[*arc(0.72, 0.6, 0.39, 0.42, -110, -180), *arc(0.49, 0.65, 0.16, 0.15, -180, 180)]],
        "straight stem": [[(0.4, 0.18), (0.34, 0.62), *arc(0.49, 0.65, 0.15, 0.15, -180, 180)]],
        "small loop": [[(0.58, 0.18), (0.4, 0.44), *arc(0.47, 0.69, 0.11, 0.11, -180, 180)]],
        "big loop, short stem": [[(0.44, 0.2), (0.34, 0.45), *arc(0.5, 0.58, 0.18, 0.21, -170, 180)]],
        "open loop": [[(0.6, 0.2), (0.4, 0.42), *arc(0.49, 0.64, 0.16, 0.16, 180, -130)]],
    },
    7: {
        "plain": [[(0.3, 0.24), (0.7, 0.24), (0.45, 0.8)]],
        "with a bar": [[(0.3, 0.24), (0.7, 0.24), (0.45, 0.8)], [(0.4, 0.52), (0.66, 0.52)]],
        "with a hook": [[(0.3, 0.34), (0.31, 0.24), (0.7, 0.24), (0.46, 0.8)]],
        "curved": [[(0.3, 0.25), (0.68, 0.23), *arc(0.8, 0.8, 0.34, 0.5, -115, -180)]],
        "wavy": [[(0.28, 0.29), (0.38, 0.23), (0.54, 0.28), (0.7, 0.22), (0.48, 0.8)], [(0.4, 0.52), (0.66, 0.5)]],
        "steep": [[(0.34, 0.25), (0.62, 0.24), (0.52, 0.8)]],
    },
    8: {
        "s and back": [
            [
                *arc(0.5, 0.35, 0.14, 0.15, -40, -270),
                *arc(0.5, 0.66, 0.17, 0.16, -90, 270),
                *arc(0.5, 0.35, 0.14, 0.15, 90, -40),
            ]
        ],
        "two circles": [arc(0.5, 0.35, 0.14, 0.15, -90, 270), arc(0.5, 0.66, 0.17, 0.16, -90, 270)],
        "open at the top": [
            [
                (0.62, 0.26),
                *arc(0.5, 0.36, 0.13, 0.14, -80, -270),
                *arc(0.5, 0.66, 0.16, 0.16, -90, 270),
                (0.6, 0.3),
            ]
        ],
        "one line": [[*arc(0.5, 0.35, 0.14, 0.15, 90, -270), *arc(0.5, 0.66, 0.17, 0.16, -90, 270)]],
        "narrow": [[*arc(0.5, 0.35, 0.08, 0.15, 90, -270), *arc(0.5, 0.66, 0.09, 0.16, -90, 270)]],
        "slanted": [arc(0.54, 0.35, 0.13, 0.15, -90, 270), arc(0.47, 0.66, 0.16, 0.16, -70, 290)],
    },
    9: {
        "straight leg": [[*arc(0.49, 0.37, 0.16, 0.16, 0, -360), (0.65, 0.37), (0.6, 0.82)]],
        "curled tail": [
            [
                *arc(0.49, 0.36, 0.16, 0.16, 0, -360),
                (0.65, 0.36),
                (0.64, 0.62),
                *arc(0.48, 0.66, 0.16, 0.14, 0, 120),
            ]
        ],
        "curved leg": [[*arc(0.49, 0.37, 0.16, 0.16, -20, -360), *arc(0.27, 0.4, 0.38, 0.42, 0, 70)]],
        "two strokes": [arc(0.49, 0.37, 0.16, 0.16, 0, -360), [(0.65, 0.25), (0.63, 0.82)]],
        "angular": [[(0.65, 0.28), (0.38, 0.27), (0.37, 0.48), (0.64, 0.46), (0.65, 0.27), (0.62, 0.8)]],
        "open loop": [[*arc(0.5, 0.37, 0.16, 0.15, -50, -330), (0.66, 0.27), (0.61, 0.82)]],
    },
}

SIZES = {  # scale, and where the middle lies
    "tiny": (0.16, 0.84, 0.86),
    "small": (0.28, 0.22, 0.24),
    "medium": (0.6, 0.6, 0.5),
    "normal": (1, 0.5, 0.5),
    "huge": (1.42, 0.5, 0.5),
}
SPEEDS = ("slow", "steady", "fast")


class Written(NamedTuple):
    """A digit in a style, a size and a speed, and its strokes in shares of the sheet."""

    digit: int
    style: str
    size: str
    speed: str
    strokes: Strokes


def written() -> Iterator[Written]:
    """Yield each style in six of the fifteen pairs of size and speed, all pairs equally often."""
    pairs = [(size, speed) for size in SIZES for speed in SPEEDS]
    styles = [(digit, style) for digit, styles in STYLES.items() for style in styles]
    for i, (digit, style) in enumerate(styles):
        for j in range(6):
            size, speed = pairs[(7 * (6 * i + j)) % len(pairs)]
            rng = random.Random(f"{digit} {style} {size} {speed}")
            strokes = [_at_speed(stroke, speed, rng) for stroke in STYLES[digit][style]]
            yield Written(digit, style, size, speed, [_placed(stroke, *SIZES[size]) for stroke in strokes])


def _at_speed(stroke: list[Point], speed: str, rng: random.Random) -> list[Point]:
    """Slow hands shake and give many points; fast ones lean and give few."""
    if speed == "slow":
        dense = _dense(stroke, 0.02)
        return [(x + rng.gauss(0, 0.006), y + rng.gauss(0, 0.006)) for x, y in dense]
    if speed == "fast":
        few = [point for i, point in enumerate(_dense(stroke, 0.02)) if i % 5 == 0] + [stroke[-1]]
        return [(x + 0.15 * (0.5 - y), y) for x, y in few]
    return _dense(stroke, 0.05)


def _dense(stroke: list[Point], step: float) -> list[Point]:
    points = [stroke[0]]
    for (ax, ay), (bx, by) in itertools.pairwise(stroke):
        count = max(1, round(math.hypot(bx - ax, by - ay) / step))
        points += [(ax + (bx - ax) * i / count, ay + (by - ay) * i / count) for i in range(1, count + 1)]
    return points


def _placed(stroke: list[Point], scale: float, x: float, y: float) -> list[Point]:
    return [(scale * (px - 0.5) + x, scale * (py - 0.5) + y) for px, py in stroke]
