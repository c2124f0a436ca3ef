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
from training.mnist.robustness.textures import add_grain, add_streaks, dash, fade, outline, spray

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


def grainy_pencil(write: Writer, rng: Rng) -> bytes:
    """Pencil whose grain shows the paper's tooth, in even or uneven light."""
    shape = (int(rng.integers(450, 900)), int(rng.integers(450, 900)))
    ink = write(int(rng.uniform(0.45, 0.9) * min(shape)), rng.uniform(0.03, 0.07))
    ink = add_grain(ink, rng, rng.uniform(0.6, 1.6), rng.uniform(0.1, 0.5))
    grey = rng.uniform(0.25, 0.6)
    page = blend(render_paper(shape, rng), place_ink(ink, shape, tuple(rng.uniform(0.3, 0.7, 2))), (grey, grey, grey))
    if rng.random() < 0.5:
        page = apply_shadow(page, rng, rng.uniform(0.05, 0.6))
    return encode_jpeg(simulate_sensor(apply_lighting(page, rng, 0.25), rng, rng.uniform(0.3, 0.9), 0.012))


def chalk(write: Writer, rng: Rng) -> bytes:
    """Grainy chalk, white or coloured, on a board with traces of a sponge."""
    shape = (int(rng.integers(400, 900)), int(rng.integers(400, 900)))
    ink = write(int(rng.uniform(0.4, 0.9) * min(shape)), rng.uniform(0.04, 0.1))
    ink = add_grain(ink, rng, rng.uniform(0.7, 2.2), rng.uniform(0.15, 0.55))
    board = render_paper(shape, rng, [(0.12, 0.13, 0.14), (0.12, 0.27, 0.2), (0.2, 0.24, 0.3)][rng.integers(3)])
    board += 0.1 * smooth_noise(shape, 5, rng)[..., None]
    colour = [(0.95, 0.95, 0.9), (0.95, 0.9, 0.55), (0.95, 0.7, 0.75)][rng.integers(3)]
    page = blend(board, place_ink(ink, shape, tuple(rng.uniform(0.3, 0.7, 2))), colour)
    return encode_jpeg(simulate_sensor(apply_lighting(page, rng, 0.25), rng, rng.uniform(0.3, 0.9)))


def crayon(write: Writer, rng: Rng) -> bytes:
    """Wax crayon: a thick, coarse stroke in colour."""
    ink = write(int(rng.integers(250, 700)), rng.uniform(0.07, 0.16))
    ink = add_grain(ink, rng, rng.uniform(1.2, 3.0), rng.uniform(0.15, 0.5))
    colour = pick_ink(rng, [(0.85, 0.2, 0.15), (0.2, 0.35, 0.8), (0.15, 0.6, 0.3), (0.95, 0.55, 0.1), (0.5, 0.2, 0.6)])
    return encode_jpeg(simulate_sensor(blend(render_paper(ink.shape, rng), ink, colour), rng, 0.5))


def spray_can(write: Writer, rng: Rng) -> bytes:
    """A paint program's spray can: dots."""
    ink = spray(write(int(rng.integers(250, 600)), rng.uniform(0.08, 0.14)), rng, int(rng.integers(1, 5)), 0.7)
    return encode_image(to_uint8(blend(np.ones((*ink.shape, 3), np.float32), ink, pick_ink(rng))))


def dry_marker(write: Writer, rng: Rng) -> bytes:
    """A marker that runs dry on a whiteboard."""
    ink = add_streaks(write(int(rng.integers(250, 600)), rng.uniform(0.08, 0.16)), rng, rng.uniform(0.15, 0.45))
    return encode_image(to_uint8(blend(np.full((*ink.shape, 3), 0.97, np.float32), ink, pick_ink(rng))))


def dashed(write: Writer, rng: Rng) -> bytes:
    ink = dash(write(int(rng.integers(200, 500)), rng.uniform(0.05, 0.09)), rng, rng.uniform(0.08, 0.14), 0.03)
    return encode_image(to_uint8(1 - ink))


def hollow(write: Writer, rng: Rng) -> bytes:
    """An outlined digit, as of a colouring book."""
    size = int(rng.integers(250, 500))
    ink = outline(write(size, rng.uniform(0.14, 0.19)), max(1, round(rng.uniform(0.004, 0.012) * size)))
    return encode_image(to_uint8(1 - ink))


def uneven_ink(write: Writer, rng: Rng) -> bytes:
    """A stroke that fades to a third of its strength, on a page that darkens across."""
    page = np.ones((1, 1, 3), np.float32)
    ink = fade(write(int(rng.integers(200, 600)), rng.uniform(0.04, 0.12)), rng, rng.uniform(0.3, 0.6))
    page = apply_lighting(np.broadcast_to(page, (*ink.shape, 3)).copy(), rng, rng.uniform(0.1, 0.6))
    return encode_jpeg(simulate_sensor(blend(page, ink, pick_ink(rng)), rng, 0.7, 0.008))


def tiny_photo(write: Writer, rng: Rng) -> bytes:
    """A photo shrunk by a program that feeds nets: 28 to 64 pixels, thin faint strokes, uneven light."""
    shape = (400, 400)
    ink = place_ink(write(int(rng.uniform(280, 390)), rng.uniform(0.03, 0.08)), shape, tuple(rng.uniform(0.4, 0.6, 2)))
    page = apply_lighting(blend(render_paper(shape, rng), ink, pick_ink(rng)), rng, rng.uniform(0.1, 0.5))
    if rng.random() < 0.5:
        page = apply_shadow(page, rng, rng.uniform(0.1, 0.6))
    page = simulate_sensor(page, rng)
    side = int(rng.choice([28, 32, 48, 64]))
    small = cv2.resize(to_uint8(page), (side, side), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return encode_image(grey if rng.random() < 0.5 else ~grey)


def edge_to_edge(write: Writer, rng: Rng) -> bytes:
    """A drawing that fills its picture on all sides, some of it cut off, of either polarity."""
    ink = write(int(rng.integers(60, 400)), rng.uniform(0.06, 0.2))
    x, y, w, h = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    cut = round(rng.uniform(0, 0.025) * max(w, h))
    ink = ink[y + cut : y + h - cut, x + cut : x + w - cut] if min(w, h) > 8 * cut else ink[y : y + h, x : x + w]
    return encode_image(to_uint8(ink if rng.random() < 0.5 else 1 - ink))


def figure(write: Writer, rng: Rng) -> bytes:
    """A plot of 28 by 28 pixels as of a notebook: a dark panel on white, in a colour map, with ticks and a title."""
    pixels = cv2.resize(write(280, rng.uniform(0.08, 0.13)), (20, 20), interpolation=cv2.INTER_AREA)
    pixels = place_ink(pixels, (28, 28), (0.5, 0.5))
    side = int(rng.integers(180, 420))
    panel = cv2.resize(pixels, (side, side), interpolation=[cv2.INTER_NEAREST, cv2.INTER_CUBIC][rng.integers(2)])
    low, high = [
        ((0, 0, 0), (1, 1, 1)), ((0.27, 0, 0.33), (0.99, 0.9, 0.14)), ((0, 0, 0.3), (1, 0.85, 0.6)),
        ((0.1, 0.12, 0.2), (0.95, 0.95, 0.95)),
    ][rng.integers(4)]  # fmt: skip
    top, left, bottom, right = rng.integers(15, 90, 4).tolist()
    page = np.ones((top + side + bottom, left + side + right, 3), np.float32)
    page[top : top + side, left : left + side] = blend(
        np.ones((side, side, 3), np.float32) * np.asarray(low, np.float32), np.clip(panel, 0, 1), high
    )
    page = to_uint8(page)
    if rng.random() < 0.7:
        for i in range(6):
            at = round((i + 0.5) * side / 6)
            page[top + side : top + side + 4, left + at] = 0
            page[top + at, left - 4 : left] = 0
            cv2.putText(page, str(5 * i), (left + at - 4, top + side + 14), 0, 0.35, (0, 0, 0), 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.putText(page, f"label: {rng.integers(10)}", (left + side // 3, top - 5), 0, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return encode_image(page)


def phone_app(write: Writer, rng: Rng) -> bytes:
    """A phone's screen with a drawing app: header, canvas, buttons and text, light or dark."""
    w = int(rng.integers(360, 720))
    h = round(w * rng.uniform(1.6, 2.1))
    dark = rng.random() < 0.4
    page = np.full((h, w, 3), 30 if dark else 245, np.uint8)
    accent = [(33, 150, 243), (100, 50, 180), (230, 80, 80), (40, 40, 50)][rng.integers(4)]
    header = round(rng.uniform(0.06, 0.1) * h)
    page[:header] = accent
    white = (255, 255, 255)
    cv2.putText(page, "Draw a digit", (w // 20, header * 2 // 3), 0, w / 900, white, max(1, w // 300), cv2.LINE_AA)
    margin, side = round(0.05 * w), round(0.9 * w)
    top = header + round(rng.uniform(0.02, 0.15) * h)
    white_canvas = not dark or rng.random() < 0.5
    canvas = np.full((side, side, 3), 1.0 if white_canvas else 0.0, np.float32)
    ink = write(round(rng.uniform(0.5, 0.9) * side), rng.uniform(0.05, 0.12))
    ink = place_ink(ink, (side, side), tuple(rng.uniform(0.35, 0.65, 2)))
    canvas = blend(canvas, ink, (0, 0, 0) if white_canvas else (1, 1, 1))
    page[top : top + side, margin : margin + side] = to_uint8(canvas)
    if rng.random() < 0.6:
        cv2.rectangle(page, (margin, top), (margin + side, top + side), (150, 150, 150), max(1, w // 250))
    below = top + side + round(0.03 * h)
    count = int(rng.integers(1, 4))
    for i in range(count):
        left = margin + i * side // count
        corner = (left + round(0.8 * side / count), min(h - 2, below + round(0.06 * h)))
        colour = [(76, 175, 80), (240, 65, 55), accent][i]
        cv2.rectangle(page, (left, below), corner, colour, -1)
        cv2.putText(page, ["Read", "Clear", "Save"][i], (left + 8, below + round(0.04 * h)), 0, w / 1100, white)
    return encode_image(page)


CORRUPTIONS: dict[str, Corruption] = {
    f.__name__: f
    for f in (
        scan, ballpoint_photo, marker_photo, pencil, shadowed, vignetted, lined_paper, squared_paper, colour_drawing,
        blackboard, transparent, small_in_large, rotated, phone_12mp, screenshot, finger_drawing, canvas_28,
        paper_on_table, poor_jpeg, photocopy, tight_crop, grainy_pencil, chalk, crayon, spray_can, dry_marker, dashed,
        hollow, uneven_ink, tiny_photo, edge_to_edge, figure, phone_app,
    )
}  # fmt: skip
