"""Styles of writing each digit, many of which MNIST lacks: each draws a skeleton with random proportions.

Coordinates as in training/mnist/robustness/synthetic_digits.py: x runs right and y down, from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from training.mnist.robustness.synthetic_digits import Piece, Skeleton

Rng = np.random.Generator
Style = Callable[[Rng], Skeleton]


def arc(x: float, y: float, width: float, height: float, start_deg: float, end_deg: float) -> Piece:
    """Return points on an ellipse around (x, y); 0° is right and 90° is down."""
    steps = max(2, math.ceil(abs(end_deg - start_deg) / 40))
    angles = [math.radians(start_deg + (end_deg - start_deg) * step / steps) for step in range(steps + 1)]
    return [(x + width / 2 * math.cos(angle), y + height / 2 * math.sin(angle)) for angle in angles]


def polyline(*points: tuple[float, float]) -> list[Piece]:
    """Return straight pieces from point to point, which meet in sharp corners."""
    return [[start, end] for start, end in pairwise(points)]


def zero_round(r: Rng) -> Skeleton:
    start = r.uniform(-150, -30)
    return [[arc(0.5, 0.5, r.uniform(0.5, 0.95), 1, start, start + r.choice([-1, 1]) * r.uniform(355, 385))]]


def zero_open(r: Rng) -> Skeleton:
    """A 0 whose ends do not meet."""
    start, gap = r.uniform(-140, -40), r.uniform(15, 45)
    return [[arc(0.5, 0.5, r.uniform(0.5, 0.9), 1, start, start + r.choice([-1, 1]) * (360 - gap))]]


def zero_slashed(r: Rng) -> Skeleton:
    """A 0 with a slash, which may end on the oval, inside it or beyond it."""
    reach = r.uniform(0.22, 0.62)
    slant = r.uniform(0.55, 1.1)
    slash = polyline((0.5 + reach * slant * 0.6, 0.5 - reach), (0.5 - reach * slant * 0.6, 0.5 + reach))
    if r.random() < 0.15:
        slash = [[(1 - x, y) for x, y in piece] for piece in slash]
    return [*zero_round(r), slash]


def zero_dotted(r: Rng) -> Skeleton:
    size = r.uniform(0.01, 0.08)
    return [*zero_round(r), polyline((0.5, 0.5 - size), (0.5 + r.uniform(-0.02, 0.02), 0.5 + size))]


def one_stick(r: Rng) -> Skeleton:
    return [polyline((0.5 + r.uniform(-0.1, 0.25), 0), (0.5, 1))]


def one_flag(r: Rng) -> Skeleton:
    """A 1 with an upstroke, straight or curved, from a hint to more than half of the stem's height."""
    length = r.uniform(0.15, 0.75)
    across = length * r.uniform(0.45, 1.05)
    x, foot = r.uniform(0.5, 0.7), r.uniform(-0.08, 0.04)
    start = (x - across, length * r.uniform(0.75, 1))
    flag: Piece = [start, (x, 0)]
    if r.random() < 0.4:
        flag.insert(1, (x - across * 0.45, start[1] * r.uniform(0.42, 0.68)))
    return [[flag, [(x, 0), (x + foot, 1)]]]


def one_flag_base(r: Rng) -> Skeleton:
    (flag, stem), *_ = one_flag(r)
    x, y = stem[-1]
    left, right = r.uniform(0.12, 0.4, 2)
    return [[flag, stem], polyline((x - left, y + r.uniform(-0.02, 0.02)), (x + right, y + r.uniform(-0.02, 0.02)))]


def one_serif(r: Rng) -> Skeleton:
    """A 1 with a short serif at the top, and mostly with a base."""
    x, serif = r.uniform(0.45, 0.6), r.uniform(0.08, 0.25)
    top = polyline((x - serif, r.uniform(0.02, 0.2)), (x, 0), (x + r.uniform(-0.05, 0.05), 1))
    base = polyline((x - r.uniform(0.12, 0.32), 1), (x + r.uniform(0.12, 0.32), 1))
    return [top, base] if r.random() < 0.75 else [top]


def one_base(r: Rng) -> Skeleton:
    return [polyline((0.5, 0), (0.5, 1)), polyline((0.5 - r.uniform(0.12, 0.35), 1), (0.5 + r.uniform(0.12, 0.35), 1))]


def two_round(r: Rng) -> Skeleton:
    y, w = r.uniform(0.24, 0.34), r.uniform(0.6, 0.85)
    bow = arc(0.48, y, w, 2 * y, r.uniform(-190, -150), r.uniform(15, 50))
    foot = (0.48 - w / 2 + r.uniform(-0.06, 0.06), 1.0)
    bow.append(((bow[-1][0] * 0.55 + foot[0] * 0.45), r.uniform(0.62, 0.74)))
    return [[[*bow, foot], [foot, (r.uniform(0.8, 1.0), 1 + r.uniform(-0.06, 0.02))]]]


def two_z(r: Rng) -> Skeleton:
    """A 2 like a Z, with a top that droops or rises little at its left."""
    left, right = r.uniform(0.08, 0.2), r.uniform(0.75, 0.9)
    top = polyline((left, r.uniform(0, 0.14)), (right, r.uniform(0, 0.06)))[0]
    if r.random() < 0.5:
        top = [(left, r.uniform(0.08, 0.2)), (0.45, 0.0), top[1]]
    foot = (left - r.uniform(0, 0.08), 0.98)
    return [[top, [top[-1], foot], [foot, (right + r.uniform(0, 0.1), 1.0)]]]


def two_loop(r: Rng) -> Skeleton:
    w = r.uniform(0.6, 0.8)
    bow = arc(0.5, 0.27, w, 0.54, -175, r.uniform(20, 45))
    x = r.uniform(0.08, 0.2)
    loop = [
        (0.3, 0.85),
        (x, 0.98),
        (x - 0.02, 0.85),
        (x + 0.14, 0.8),
        (0.6, 0.97),
        (r.uniform(0.85, 1), r.uniform(0.86, 0.98)),
    ]
    return [[[*bow, *loop]]]


def three_round(r: Rng) -> Skeleton:
    y = r.uniform(0.42, 0.5)
    w, v = r.uniform(0.5, 0.75), r.uniform(0.6, 0.85)
    waist = (r.uniform(0.35, 0.5), y)
    top = [*arc(0.45, y / 2, w, y, r.uniform(-170, -130), 60), waist]
    bottom = [waist, *arc(0.45, (1 + y) / 2, v, 1 - y, -60, r.uniform(130, 170))]
    return [[top, bottom]]


def three_flat(r: Rng) -> Skeleton:
    """A 3 with a flat top and a sharp corner."""
    x, y, right = r.uniform(0.3, 0.48), r.uniform(0.36, 0.46), r.uniform(0.72, 0.88)
    bowl = [(x, y), *arc(x + 0.08, (y + 1) / 2, 2 * (right - x - 0.02), 1 - y, -70, r.uniform(120, 160))]
    return [[*polyline((r.uniform(0.08, 0.2), r.uniform(0, 0.04)), (right, 0), (x, y)), bowl]]


def four_open(r: Rng) -> Skeleton:
    """An open 4; its stem may start at the bar, or as high as the left stroke."""
    y, x = r.uniform(0.45, 0.75), r.uniform(0.58, 0.8)
    left = r.uniform(0.05, 0.2)
    top = (left + r.uniform(0, 0.35), r.uniform(0, 0.1))
    stem = (x + r.uniform(0, 0.12), r.uniform(0, y - 0.12))
    return [
        polyline(top, (left, y), (r.uniform(max(x + 0.05, 0.8), 1.0), y + r.uniform(-0.2, 0.03))),
        polyline(stem, (x + r.uniform(-0.12, 0.05), 1)),
    ]


def four_closed(r: Rng) -> Skeleton:
    y, x = r.uniform(0.55, 0.75), r.uniform(0.55, 0.75)
    bar = (r.uniform(x + 0.08, 1.0), y + r.uniform(-0.03, 0.03))
    down = [(x, 0.0), (x + r.uniform(-0.08, 0.03), 1.0)]
    if r.random() < 0.5:
        return [[*polyline((x, 0), (r.uniform(0.02, 0.15), y), bar)], [down]]
    return [polyline(bar, (r.uniform(0.02, 0.15), y), (x, 0), down[1])]


def four_lightning(r: Rng) -> Skeleton:
    """A 4 in one stroke like a bolt: down, right and down again; the stem may cross the bar a little."""
    y, x = r.uniform(0.42, 0.62), r.uniform(0.62, 0.85)
    left = r.uniform(0.05, 0.25)
    bar = (x, y + r.uniform(-0.06, 0.06))
    foot = (x - r.uniform(0.05, 0.3), 1.0)
    top = (r.uniform(left + 0.15, 0.7), 0)
    return [polyline(top, (left, y), bar, foot)]


def five_hat(r: Rng) -> Skeleton:
    """A 5 whose hat is joined, touches, or is apart."""
    left, y = r.uniform(0.15, 0.28), r.uniform(0.38, 0.5)
    corner = (left + r.uniform(0, 0.1), r.uniform(0.0, 0.05))
    bowl = [(left, y), *arc(0.45, (y - 0.06 + 1) / 2, r.uniform(0.65, 0.9), 1.06 - y, -100, r.uniform(130, 165))]
    gap, shift = r.choice([0, 0, r.uniform(0.02, 0.16)]), r.uniform(-0.06, 0.02)
    hat = polyline((corner[0] + gap, corner[1] + shift * (gap > 0)), (r.uniform(0.7, 0.95), r.uniform(-0.04, 0.05)))
    return [[[corner, (left, y)], bowl], hat]


def five_s(r: Rng) -> Skeleton:
    """A 5 like an S, all curves."""
    y = r.uniform(0.4, 0.5)
    top = arc(0.52, y / 2, r.uniform(0.5, 0.8), y, r.uniform(-50, -20), -250)
    bottom = arc(0.46, (1 + y) / 2, r.uniform(0.55, 0.85), 1 - y, -70, r.uniform(120, 165))
    return [[[*top, *bottom]]]


def six_curved(r: Rng) -> Skeleton:
    y, w = r.uniform(0.42, 0.6), r.uniform(0.55, 0.8)
    stem = [(r.uniform(0.55, 0.8), 0.0), (0.5 - w * r.uniform(0.25, 0.4), y * 0.62)]
    return [[[*stem, *arc(0.5, (1 + y) / 2, w, 1 - y, 180, r.uniform(-190, -170))]]]


def six_straight(r: Rng) -> Skeleton:
    """A 6 with a short straight stem on a loop that is as large as a 0."""
    y, w = r.uniform(0.2, 0.52), r.uniform(0.6, 1.0)
    touch = r.uniform(185, 235)
    loop = arc(0.5, (1 + y) / 2, w, 1 - y, touch, touch - r.uniform(350, 375))
    stem = (loop[0][0] + r.uniform(0.02, 0.42), 0.0)
    return [[[stem, loop[0]], loop]]


def six_open(r: Rng) -> Skeleton:
    """A 6 whose loop does not close, or curls inside."""
    y, w = r.uniform(0.4, 0.55), r.uniform(0.55, 0.8)
    stem = [(r.uniform(0.5, 0.85), r.uniform(0, 0.05)), (0.5 - w * r.uniform(0.2, 0.42), y * 0.6)]
    loop = arc(0.5, (1 + y) / 2, w, 1 - y, 180, r.uniform(-150, -110))
    if r.random() < 0.5:
        loop.append((r.uniform(0.3, 0.42), r.uniform(0.64, 0.76)))
    return [[[*stem, *loop]]]


def seven_plain(r: Rng) -> Skeleton:
    corner = (r.uniform(0.75, 0.92), r.uniform(0, 0.04))
    down: Piece = [corner, (r.uniform(0.25, 0.6), 1)]
    if r.random() < 0.4:
        down.insert(1, ((down[0][0] + down[1][0]) / 2 - r.uniform(0, 0.08), 0.45))
    return [[[(r.uniform(0.05, 0.18), r.uniform(-0.02, 0.06)), corner], down]]


def with_bar(seven: Skeleton, r: Rng) -> Skeleton:
    """Add a bar across the stem of a 7."""
    down = seven[0][-1]
    y = r.uniform(0.38, 0.62)
    x = down[0][0] + (down[-1][0] - down[0][0]) * y
    left, right = r.uniform(0.1, 0.34, 2)
    return [*seven, polyline((x - left, y + r.uniform(-0.04, 0.06)), (x + right, y + r.uniform(-0.06, 0.04)))]


def seven_bar(r: Rng) -> Skeleton:
    return with_bar(seven_plain(r), r)


def seven_hook(r: Rng) -> Skeleton:
    """A 7 with a hook down at its left end, or a wavy top; with a bar in half of them."""
    (top, down), *_ = seven_plain(r)
    if r.random() < 0.6:
        start = (top[0][0] + r.uniform(-0.03, 0.05), r.uniform(0.1, 0.26))
        seven: Skeleton = [[[start, top[0]], top, down]]
    else:
        wave = [(top[0][0], 0.14), (0.3, 0.0), (0.55, 0.08), top[-1]]
        seven = [[wave, down]]
    return with_bar(seven, r) if r.random() < 0.5 else seven


def eight_cross(r: Rng) -> Skeleton:
    """An 8 in one stroke; its ends may stay apart at the top."""
    y, w, v = r.uniform(0.4, 0.5), r.uniform(0.5, 0.75), r.uniform(0.6, 0.9)
    start = r.uniform(-80, -15)
    top = arc(0.5, y / 2, w, y, start, -230)
    bottom = arc(0.5, (1 + y) / 2, v, 1 - y, -45, 225)
    end = arc(0.5, y / 2, w, y, 40, r.uniform(start + 2, start + 35))
    return [[[*top, *bottom, *end]]]


def eight_circles(r: Rng) -> Skeleton:
    """An 8 of two closed loops."""
    y, w, v = r.uniform(0.4, 0.52), r.uniform(0.45, 0.75), r.uniform(0.55, 0.9)
    return [[arc(0.5, y / 2, w, y, 90, 450)], [arc(0.5, (1 + y) / 2, v, 1 - y, -90, 270)]]


def eight_narrow(r: Rng) -> Skeleton:
    """An 8 whose loops are slits."""
    style = eight_cross if r.random() < 0.5 else eight_circles
    narrow = r.uniform(0.35, 0.65)
    return [[[(0.5 + (x - 0.5) * narrow, y) for x, y in piece] for piece in stroke] for stroke in style(r)]


def nine_straight(r: Rng) -> Skeleton:
    y, w = r.uniform(0.42, 0.7), r.uniform(0.55, 0.85)
    loop = arc(0.48, y / 2, w, y, r.uniform(-35, 0), -365)
    return [[loop, [loop[-1], (loop[-1][0] + r.uniform(-0.35, 0.04), 1.0)]]]


def nine_curved(r: Rng) -> Skeleton:
    y, w = r.uniform(0.42, 0.56), r.uniform(0.55, 0.8)
    loop = arc(0.48, y / 2, w, y, r.uniform(-35, 0), -365)
    x = loop[-1][0]
    return [[loop, [loop[-1], (x - 0.02, 0.62), (x - r.uniform(0.1, 0.3), 0.92), (r.uniform(0.2, 0.45), 1.0)]]]


def nine_hook(r: Rng) -> Skeleton:
    """A 9 whose stem ends in a hook like a g; its loop may be open."""
    y, w = r.uniform(0.38, 0.56), r.uniform(0.6, 0.85)
    loop = arc(0.48, y / 2, w, y, r.uniform(-50, 0), -360)
    right, deep = loop[-1][0], r.uniform(0.3, 0.46)
    hook = arc(0.48, 1 - deep / 2, 2 * (right - 0.48), deep, 0, r.uniform(140, 190))
    return [[loop, [loop[-1], (right, 0.6), *hook]]]


STYLES: dict[int, list[Style]] = {
    0: [zero_round, zero_open, zero_slashed, zero_dotted],
    1: [one_stick, one_flag, one_flag, one_flag, one_flag, one_flag_base, one_flag_base, one_serif, one_base],
    2: [two_round, two_z, two_loop],
    3: [three_round, three_flat],
    4: [four_open, four_open, four_closed, four_lightning],
    5: [five_hat, five_s],
    6: [six_curved, six_straight, six_straight, six_open],
    7: [seven_plain, seven_bar, seven_hook],
    8: [eight_cross, eight_circles, eight_narrow, eight_narrow],
    9: [nine_straight, nine_curved, nine_hook, nine_hook],
}
