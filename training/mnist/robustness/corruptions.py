"""The corruptions: each renders a digit as one kind of photo, scan or drawing and returns an image file."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from training.mnist.robustness.rendering import (
    Colour,
    Picture,
    Rng,
    Writer,
    apply_lighting,
    apply_perspective,
    apply_shadow,
    apply_vignette,
    blend,
    draw_rules,
    encode_image,
    encode_jpeg,
    pick_ink,
    place_ink,
    render_paper,
    rotate,
    simulate_sensor,
    smooth_noise,
    to_uint8,
)

Corruption = Callable[[Writer, Rng], bytes]  # -> an image file


def scan(write: Writer, rng: Rng) -> bytes:
    ink = write(int(rng.integers(200, 500)), rng.uniform(0.05, 0.13))
    page = blend(render_paper(ink.shape, rng, (0.97, 0.97, 0.97)), ink, pick_ink(rng))
    return encode_image(to_uint8(simulate_sensor(page, rng, 0.6, 0.008)))


def photograph(write: Writer, rng: Rng, pen: float, ink_colour: Colour, share: float = 0.5) -> Picture:
    """Render a digit on plain paper; its height is `share` of the page's shorter side."""
    shape = (int(rng.integers(480, 900)), int(rng.integers(480, 900)))
    ink = rotate(write(int(share * min(shape)), pen), rng.uniform(-6, 6))
    ink = place_ink(ink, shape, (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)))
    return blend(render_paper(shape, rng), ink, ink_colour)


def ballpoint_photo(write: Writer, rng: Rng) -> bytes:
    page = photograph(write, rng, rng.uniform(0.025, 0.05), pick_ink(rng))
    return encode_jpeg(simulate_sensor(apply_lighting(apply_perspective(page, 0.08, rng), rng), rng))


def marker_photo(write: Writer, rng: Rng) -> bytes:
    page = photograph(write, rng, rng.uniform(0.12, 0.2), pick_ink(rng), 0.6)
    return encode_jpeg(simulate_sensor(apply_lighting(apply_perspective(page, 0.08, rng), rng), rng, 1.2))


def pencil(write: Writer, rng: Rng) -> bytes:
    grey = rng.uniform(0.6, 0.72)
    page = photograph(write, rng, rng.uniform(0.03, 0.06), (grey, grey, grey))
    return encode_jpeg(simulate_sensor(apply_lighting(page, rng, 0.2), rng, 0.8, 0.012))


def shadowed(write: Writer, rng: Rng) -> bytes:
    page = apply_shadow(photograph(write, rng, rng.uniform(0.04, 0.1), pick_ink(rng)), rng, rng.uniform(0.01, 0.15))
    return encode_jpeg(simulate_sensor(apply_lighting(page, rng, 0.3), rng))


def vignetted(write: Writer, rng: Rng) -> bytes:
    page = photograph(write, rng, rng.uniform(0.04, 0.1), pick_ink(rng))
    return encode_jpeg(simulate_sensor(apply_vignette(page, rng.uniform(0.5, 0.9)), rng))


def photograph_ruled(write: Writer, rng: Rng, both: bool) -> bytes:
    shape = (int(rng.integers(450, 800)), int(rng.integers(450, 800)))
    ink = write(int(rng.uniform(0.35, 0.7) * min(shape)), rng.uniform(0.05, 0.1))
    lines = draw_rules(shape, rng.uniform(0.05, 0.14) * min(shape), both, rng)
    page = blend(
        render_paper(shape, rng), lines, [(0.6, 0.72, 0.88), (0.7, 0.7, 0.72), (0.85, 0.6, 0.6)][rng.integers(3)]
    )
    page = blend(page, place_ink(ink, shape, (rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.65))), pick_ink(rng))
    return encode_jpeg(simulate_sensor(apply_lighting(apply_perspective(page, 0.06, rng), rng, 0.25), rng))


def lined_paper(write: Writer, rng: Rng) -> bytes:
    return photograph_ruled(write, rng, both=False)


def squared_paper(write: Writer, rng: Rng) -> bytes:
    return photograph_ruled(write, rng, both=True)


def colour_drawing(write: Writer, rng: Rng) -> bytes:
    """A drawing in strong colours, some of them no darker than the background."""
    pairs: list[tuple[Colour, Colour]] = [
        ((1, 0.95, 0), (1, 1, 1)), ((1, 0, 0), (0, 0, 0)), ((0, 0.7, 0), (0.85, 0.2, 0.2)), ((1, 0.2, 0.2), (0, 0, 1)),
        ((0.5, 0.9, 1), (1, 1, 1)), ((0, 0, 0.6), (0, 0, 0)), ((1, 1, 1), (1, 0.75, 0.2)), ((0, 0, 0), (0.2, 0.5, 0.9)),
    ]  # fmt: skip
    colour, ground = pairs[rng.integers(len(pairs))]
    ink = write(int(rng.integers(200, 400)), rng.uniform(0.05, 0.13))
    return encode_image(
        to_uint8(blend(np.ones((*ink.shape, 3), np.float32) * np.asarray(ground, np.float32), ink, colour))
    )


def blackboard(write: Writer, rng: Rng) -> bytes:
    shape = (int(rng.integers(400, 700)), int(rng.integers(500, 900)))
    ink = write(int(rng.uniform(0.4, 0.8) * min(shape)), rng.uniform(0.04, 0.09))
    ink = place_ink(ink, shape, (rng.uniform(0.3, 0.7), 0.5)) * (0.75 + 0.25 * rng.random(shape).astype(np.float32))
    board = render_paper(shape, rng, [(0.1, 0.11, 0.11), (0.1, 0.25, 0.18)][rng.integers(2)])
    board += 0.08 * smooth_noise(shape, 6, rng)[..., None]  # traces of chalk
    return encode_jpeg(simulate_sensor(apply_lighting(blend(board, ink, (0.92, 0.92, 0.85)), rng), rng))


def transparent(write: Writer, rng: Rng) -> bytes:
    """Dark or light strokes on a transparent background."""
    ink = write(int(rng.integers(150, 500)), rng.uniform(0.05, 0.14))
    tone = [(0, 0, 0), (255, 255, 255), (30, 60, 200), (255, 220, 0)][rng.integers(4)]
    colour = np.broadcast_to(np.array(tone, np.uint8), (*ink.shape, 3))
    return encode_image(np.dstack([colour, to_uint8(ink)]))


def small_in_large(write: Writer, rng: Rng) -> bytes:
    shape = (int(rng.integers(900, 1600)), int(rng.integers(900, 1600)))
    ink = write(int(rng.uniform(0.07, 0.15) * max(shape)), rng.uniform(0.05, 0.12))
    ink = place_ink(ink, shape, (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)))
    return encode_jpeg(
        simulate_sensor(apply_lighting(blend(render_paper(shape, rng), ink, pick_ink(rng)), rng, 0.2), rng, 0.6)
    )


def rotated(write: Writer, rng: Rng) -> bytes:
    shape = (int(rng.integers(300, 700)), int(rng.integers(300, 700)))
    ink = rotate(write(int(0.7 * min(shape)), rng.uniform(0.05, 0.13)), rng.uniform(-15, 15))
    ink = place_ink(ink, shape, (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)))
    return encode_jpeg(simulate_sensor(blend(render_paper(shape, rng), ink, pick_ink(rng)), rng))


def phone_12mp(write: Writer, rng: Rng) -> bytes:
    """A photo of 4000 by 3000 pixels, stored rotated with its EXIF orientation."""
    shape = (1000, 750)
    ink = place_ink(write(int(rng.uniform(150, 450)), rng.uniform(0.04, 0.1)), shape, tuple(rng.uniform(0.3, 0.7, 2)))
    page = apply_lighting(apply_perspective(blend(render_paper(shape, rng), ink, pick_ink(rng)), 0.06, rng), rng)
    big = cv2.resize(to_uint8(page), (3000, 4000), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-6, 7, (500, 500, 3)).astype(np.int16)
    big = np.clip(big + np.tile(grain, (8, 6, 1)), 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise for display
    return encode_image(np.rot90(big).copy(), "JPEG", quality=88, exif=exif)


def screenshot(write: Writer, rng: Rng) -> bytes:
    """A drawing program's window with title bar and tool bar."""
    shape = (int(rng.integers(350, 700)), int(rng.integers(400, 900)))
    ink = write(int(rng.uniform(0.4, 0.75) * min(shape)), rng.uniform(0.04, 0.12))
    page = blend(np.ones((*shape, 3), np.float32), place_ink(ink, shape, (rng.uniform(0.4, 0.8), 0.55)), pick_ink(rng))
    page[: shape[0] // 12] = (0.2, 0.22, 0.3)
    page[shape[0] // 12 :, : shape[1] // 18] = 0.85
    return encode_image(to_uint8(page))


def finger_drawing(write: Writer, rng: Rng) -> bytes:
    ink = write(int(rng.integers(200, 400)), rng.uniform(0.18, 0.26))
    dark = rng.random() < 0.5
    page = ink if dark else 1 - ink
    return encode_image(to_uint8(page))


def canvas_28(write: Writer, rng: Rng) -> bytes:
    """A drawing of 28 by 28 pixels, not centred and of either polarity."""
    ink = cv2.resize(write(280, rng.uniform(0.08, 0.15)), (28, 28), interpolation=cv2.INTER_AREA)
    x, y, wd, h = cv2.boundingRect((ink > 0.1).astype(np.uint8))
    ink = place_ink(ink[y : y + h, x : x + wd], (28, 28), tuple(rng.uniform(0.3, 0.7, 2)))
    return encode_image(to_uint8(ink if rng.random() < 0.5 else 1 - ink))


def paper_on_table(write: Writer, rng: Rng) -> bytes:
    shape = (int(rng.integers(600, 900)), int(rng.integers(600, 900)))
    h, wd = shape
    ink = place_ink(write(int(0.45 * min(shape)), rng.uniform(0.05, 0.1)), shape, (0.5, 0.5))
    sheet = blend(render_paper(shape, rng), ink, pick_ink(rng))
    table = render_paper(shape, rng, [(0.35, 0.22, 0.13), (0.2, 0.2, 0.22), (0.5, 0.4, 0.3)][rng.integers(3)])
    edge = rng.uniform(0.04, 0.2, 4)
    corners = np.array([[edge[0] * wd, edge[1] * h], [(1 - edge[2]) * wd, edge[1] * h * rng.uniform(0.5, 1.5)],
                        [(1 - edge[2]) * wd, (1 - edge[3]) * h], [edge[0] * wd, (1 - edge[3]) * h]])  # fmt: skip
    inside = cv2.fillPoly(np.zeros(shape, np.uint8), [corners.astype(np.int32)], 1)[..., None]
    return encode_jpeg(
        simulate_sensor(apply_lighting(np.where(inside, sheet, table).astype(np.float32), rng, 0.25), rng)
    )


def poor_jpeg(write: Writer, rng: Rng) -> bytes:
    page = simulate_sensor(photograph(write, rng, rng.uniform(0.05, 0.12), pick_ink(rng)), rng, 2.0, 0.05)
    small = cv2.resize(page, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    return encode_jpeg(small, int(rng.integers(15, 35)))


def photocopy(write: Writer, rng: Rng) -> bytes:
    """A bilevel TIFF with specks and a dark edge."""
    shape = (500, 400)
    ink = place_ink(write(int(rng.integers(200, 340)), rng.uniform(0.05, 0.1)), shape, (0.5, 0.5))
    dark = ink + rng.normal(0, 0.12, shape) > 0.5
    for x, y, radius in rng.integers([5, 5, 0], [395, 495, 3], (25, 3)):
        dark[y - radius : y + radius + 1, x - radius : x + radius + 1] = True
    dark[:, : rng.integers(2, 12)] = True
    file = io.BytesIO()
    Image.fromarray(~dark).save(file, "TIFF", compression="group4")
    return file.getvalue()


def tight_crop(write: Writer, rng: Rng) -> bytes:
    """A crop with almost no margin, so that the ink touches the edges."""
    ink = write(int(rng.integers(60, 300)), rng.uniform(0.08, 0.16))
    x, y, wd, h = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    pad = int(rng.integers(0, 4))
    ink = cv2.copyMakeBorder(ink[y : y + h, x : x + wd], pad, pad, pad + 4, pad + 4, cv2.BORDER_CONSTANT, value=0)
    return encode_image(to_uint8(1 - 0.9 * ink), "GIF")


CORRUPTIONS: dict[str, Corruption] = {
    f.__name__: f
    for f in (
        scan, ballpoint_photo, marker_photo, pencil, shadowed, vignetted, lined_paper, squared_paper, colour_drawing,
        blackboard, transparent, small_in_large, rotated, phone_12mp, screenshot, finger_drawing, canvas_28,
        paper_on_table, poor_jpeg, photocopy, tight_crop,
    )
}  # fmt: skip
