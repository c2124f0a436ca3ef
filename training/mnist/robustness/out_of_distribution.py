"""Out-of-distribution pictures, which hold no digit: the service should refuse them or be unsure."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.mnist.robustness.rendering import (
    Rng,
    apply_lighting,
    apply_perspective,
    apply_shadow,
    blend,
    draw_rules,
    encode_image,
    encode_jpeg,
    pick_ink,
    render_paper,
    simulate_sensor,
    smooth_noise,
    to_uint8,
)
from training.mnist.robustness.samples import SEED, Sample
from training.mnist.robustness.synthetic_digits import LETTERS, SKELETONS, draw_skeleton


def blank(rng: Rng) -> bytes:
    return encode_image(
        np.full((int(rng.integers(28, 600)), int(rng.integers(28, 600)), 3), rng.integers(256), np.uint8)
    )


def empty_page(rng: Rng) -> bytes:
    """Empty paper in uneven light."""
    shape = (int(rng.integers(400, 800)), int(rng.integers(400, 800)))
    return encode_jpeg(simulate_sensor(apply_lighting(apply_shadow(render_paper(shape, rng), rng, 0.2), rng), rng))


def empty_ruled_page(rng: Rng) -> bytes:
    shape = (int(rng.integers(400, 800)), int(rng.integers(400, 800)))
    lines = draw_rules(shape, rng.uniform(0.05, 0.14) * min(shape), rng.random() < 0.5, rng)
    return encode_jpeg(
        simulate_sensor(apply_perspective(blend(render_paper(shape, rng), lines, (0.6, 0.7, 0.85)), 0.06, rng), rng)
    )


def gradient(rng: Rng) -> bytes:
    return encode_jpeg(apply_lighting(np.ones((300, 400, 3), np.float32), rng, rng.uniform(0.2, 0.9)))


def noise(rng: Rng) -> bytes:
    side = int(rng.integers(28, 300))
    return encode_image(rng.integers(0, 256, (side, side, 3), np.uint8))


def photo(rng: Rng) -> bytes:
    """A scene of overlapping, textured shapes in many colours."""
    page = render_paper((480, 640), rng, tuple(rng.random(3)))
    for _ in range(25):
        centre, axes = rng.integers(0, 640, 2).tolist(), rng.integers(20, 200, 2).tolist()
        colour = rng.random(3).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(page, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints((centre, axes, float(rng.uniform(0, 90))))
            cv2.fillPoly(page, [box.astype(np.int32)], colour, cv2.LINE_AA)
    texture = 1 + 0.15 * rng.normal(0, 1, (480, 640, 1)) * smooth_noise((480, 640), 5, rng)[..., None]
    return encode_jpeg(simulate_sensor((apply_lighting(page, rng) * texture).astype(np.float32), rng, 1.0, 0.02))


def letter(rng: Rng) -> bytes:
    """A capital letter, drawn as the digits are."""
    name = list(LETTERS)[rng.integers(len(LETTERS))]
    ink = draw_skeleton(LETTERS[name][0], int(rng.integers(200, 400)), rng.uniform(0.05, 0.12), rng)
    return encode_image(to_uint8(blend(render_paper(ink.shape, rng), ink, pick_ink(rng))))


def number(rng: Rng) -> bytes:
    """A number of two or three digits, close together or apart, by hand."""
    size = int(rng.integers(120, 260))
    pen = rng.uniform(0.05, 0.12)
    gap = rng.uniform(0.08, 0.6)
    digits = []
    for _ in range(rng.integers(2, 4)):
        variants = SKELETONS[str(rng.integers(10))]
        ink = draw_skeleton(variants[rng.integers(len(variants))], size, pen, rng)
        x, _, w, _ = cv2.boundingRect((ink > 0.1).astype(np.uint8))
        digits.append(np.pad(ink[:, x : x + w], ((0, 0), (0, round(gap * size)))))
    pad = rng.integers(5, 150, 4).tolist()
    ink = np.pad(np.hstack(digits), ((pad[0], pad[1]), (pad[2], pad[3])))
    page = simulate_sensor(blend(render_paper(ink.shape, rng), ink, pick_ink(rng)), rng)
    return encode_jpeg(page) if rng.random() < 0.5 else encode_image(to_uint8(1 - ink))


OUT_OF_DISTRIBUTION: dict[str, Callable[[Rng], bytes]] = {
    f.__name__: f for f in (blank, empty_page, empty_ruled_page, gradient, noise, photo, letter, number)
}


def generate_out_of_distribution(name: str, count: int) -> list[Sample]:
    """Return `count` pictures of the kind `name`, one of `OUT_OF_DISTRIBUTION`; equal calls give equal bytes."""
    rng = np.random.default_rng([SEED, *name.encode()])
    return [Sample(name, "out of distribution", -1, OUT_OF_DISTRIBUTION[name](rng)) for _ in range(count)]
