"""Pictures as strangers send them: grainy strokes, outlines, panels, screens, numbers, digits at the edge."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from handlers.mnist.errors import SeveralDigitsError
from handlers.mnist.preprocessing.pipeline import preprocess_image, read_image
from tests.support.image_factory import Gray, encoded, likeness, seven
from training.mnist.robustness.textures import add_grain, add_streaks, dash, fade, outline, spray

PLAIN = preprocess_image(encoded(seven()))
INK = np.asarray((245 - seven(400, 400, pen=30).astype(np.float32)) / 225, np.float32)
TWO_BARS = np.full((300, 300), 245, np.uint8)
TWO_BARS[80:220, 100:115] = TWO_BARS[80:220, 170:185] = 20


def on_paper(ink: npt.NDArray[np.float32], paper: float = 245.0, pen: float = 20.0) -> bytes:
    return encoded(np.clip(paper + (pen - paper) * ink, 0, 255).astype(np.uint8))


def five(gap: int = 12) -> Gray:
    """Draw a 5 whose hat is a stroke of its own."""
    page = np.full((300, 300), 245, np.uint8)
    body = np.array([(110, 90), (105, 150), (170, 145), (190, 185), (165, 225), (100, 225)])
    cv2.polylines(page, [body], False, 20, 14, cv2.LINE_AA)
    cv2.line(page, (120 + gap, 74 - gap // 2), (195, 70 - gap // 2), 20, 14, cv2.LINE_AA)
    return page


def number(digits: str, gap: int, thickness: int = 9) -> Gray:
    """Write a number with `gap` pixels between its digits."""
    columns = [np.full((240, 40), 245, np.uint8)]
    for digit in digits:
        page = np.full((240, 200), 245, np.uint8)
        cv2.putText(page, digit, (40, 180), cv2.FONT_HERSHEY_SIMPLEX, 4, 20, thickness, cv2.LINE_AA)
        x, _, w, _ = cv2.boundingRect(255 - page - 10)
        columns += [page[:, x : x + w], np.full((240, gap), 245, np.uint8)]
    return np.hstack([*columns, columns[0]])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bare", [0.2, 0.45])
def test_grain_is_closed(bare: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert likeness(preprocess_image(on_paper(add_grain(INK, rng, 1.2, bare))), PLAIN) > 0.9
    assert likeness(preprocess_image(on_paper(add_grain(INK, rng, 1.5, bare), 60, 235)), PLAIN) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_spray_streaks_and_dashes_are_one_stroke(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for ink in (spray(INK, rng, 3, 0.8), add_streaks(INK, rng, 0.3), dash(INK, rng, 0.1, 0.03)):
        assert likeness(preprocess_image(on_paper(ink)), PLAIN) > 0.85


@pytest.mark.parametrize("weakest", [0.35, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_a_stroke_that_fades_is_read_whole(weakest: float, seed: int) -> None:
    assert likeness(preprocess_image(on_paper(fade(INK, np.random.default_rng(seed), weakest))), PLAIN) > 0.9


@pytest.mark.parametrize("line", [2, 4])
def test_an_outline_is_filled(line: int) -> None:
    thick = np.asarray((245 - seven(400, 400, pen=60).astype(np.float32)) / 225, np.float32)
    assert likeness(preprocess_image(on_paper(outline(thick, line))), PLAIN) > 0.9


def test_a_narrow_zero_is_not_filled() -> None:
    page = np.full((300, 300), 245, np.uint8)
    cv2.ellipse(page, (150, 150), (35, 90), 0, 0, 360, 20, 6, cv2.LINE_AA)
    assert preprocess_image(encoded(page))[14, 14] == 0


def test_a_dark_panel_on_white_is_not_the_digit() -> None:
    for low, high in ((0, 255), (60, 220)):
        panel = np.clip(low + (high - low) * INK, 0, 255).astype(np.uint8)
        page = np.pad(panel, ((40, 60), (70, 30)), constant_values=255)
        cv2.putText(page, "0   10   20", (120, 480), 0, 0.6, 0, 1, cv2.LINE_AA)
        assert likeness(preprocess_image(encoded(page)), PLAIN) > 0.95


@pytest.mark.parametrize("tone", [20, 245])
def test_the_canvas_of_an_app_is_read_and_not_its_buttons(tone: int) -> None:
    screen = np.full((800, 450), tone, np.uint8)
    screen[:70] = 110
    screen[100:500, 25:425] = seven(400, 400, paper=255, pen=18)
    cv2.rectangle(screen, (25, 100), (425, 500), 150, 2)
    for x in (25, 240):
        screen[540:600, x : x + 185] = 130
        cv2.putText(screen, "Button", (x + 20, 580), 0, 1, 255, 2, cv2.LINE_AA)
    reading = read_image(encoded(screen))
    assert likeness(reading.pixels, PLAIN) > 0.9
    x, y, w, h = reading.box
    assert 100 < x < 140
    assert 180 < y < 220
    assert 190 < w < 240
    assert 200 < h < 260


@pytest.mark.parametrize("invert", [False, True])
def test_a_digit_that_fills_the_picture_is_read(invert: bool) -> None:
    page = seven(400, 400, pen=60)
    x, y, w, h = cv2.boundingRect(np.asarray(page < 128, np.uint8))
    page = page[y : y + h, x : x + w]
    assert likeness(preprocess_image(encoded(255 - page if invert else page)), PLAIN) > 0.85


def test_a_faint_thin_digit_in_a_shadow_is_read_whole_at_28_pixels() -> None:
    page = seven(280, 280, ink=150, paper=220, pen=12).astype(np.float32)
    page *= np.linspace(1, 0.6, 280)[:, None]
    small = cv2.resize(page, (28, 28), interpolation=cv2.INTER_AREA).astype(np.uint8)
    for picture in (small, 255 - small):
        assert likeness(preprocess_image(encoded(picture)), PLAIN) > 0.8


def test_a_hairline_on_a_large_page_is_read() -> None:
    assert likeness(preprocess_image(encoded(seven(1000, 1000, ink=0, paper=255, pen=2))), PLAIN) > 0.9


@pytest.mark.parametrize("digits", ["12", "35", "08", "77", "123"])
@pytest.mark.parametrize("gap", [16, 40, 90])
def test_a_number_is_refused(digits: str, gap: int) -> None:
    with pytest.raises(SeveralDigitsError, match=f"holds {len(digits)} digits; send one digit"):
        preprocess_image(encoded(number(digits, gap)))


def test_a_grainy_number_is_refused() -> None:
    ink = (245 - number("25", 40, 16).astype(np.float32)) / 225
    with pytest.raises(SeveralDigitsError):
        preprocess_image(on_paper(add_grain(ink, np.random.default_rng(0), 1.2, 0.3)))


def test_pieces_of_one_digit_are_one() -> None:
    assert likeness(preprocess_image(encoded(five(12))), preprocess_image(encoded(five(0)))) > 0.8
    zero = np.full((300, 300), 245, np.uint8)
    cv2.ellipse(zero, (150, 150), (60, 90), 0, 0, 360, 20, 12, cv2.LINE_AA)
    for mark in (lambda: cv2.circle(zero, (150, 150), 9, 20, -1), lambda: cv2.line(zero, (110, 220), (190, 80), 20, 9)):
        mark()
        assert max(cv2.boundingRect(preprocess_image(encoded(zero)))[2:]) == 20
    broken = seven()
    broken[140:146] = 245
    assert likeness(preprocess_image(encoded(broken)), PLAIN) > 0.9


def test_the_judge_chooses_only_in_doubt() -> None:
    asked: list[int] = []

    def judge(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert pixels.dtype == np.uint8
        assert pixels.shape[1:] == (784,)
        asked.append(len(pixels))
        return np.full(len(pixels), -len(asked), np.float32)  # the first reading wins

    assert np.array_equal(preprocess_image(encoded(seven()), judge), PLAIN)
    assert asked == []
    with pytest.raises(SeveralDigitsError):
        preprocess_image(encoded(TWO_BARS), judge)
    assert asked == [2, 1]


def test_the_judge_may_find_one_digit_in_two_strokes() -> None:
    def judge(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full(len(pixels), 1.0 if len(pixels) == 1 else 0.0, np.float32)

    digit = preprocess_image(encoded(TWO_BARS), judge)
    assert max(cv2.boundingRect(digit)[2:]) == 20


def test_where_the_digit_is() -> None:
    page = np.pad(seven(), ((1700, 0), (0, 2000)), constant_values=245)
    cv2.putText(page, "some text", (100, 200), 0, 3, 20, 9, cv2.LINE_AA)
    x, y, w, h = np.array([60, 1775, 120, 165])
    reading = read_image(encoded(page))
    assert np.abs(np.array(reading.box) - (x - 11, y - 11, w + 22, h + 22)).max() <= 12
    assert 0 < reading.ink_outside < 1


def test_the_box_follows_the_orientation_in_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = read_image(encoded(seven(), "JPEG"))
    turned = read_image(encoded(np.ascontiguousarray(np.rot90(seven())), "JPEG", exif=exif))
    assert np.abs(np.array(upright.box) - turned.box).max() <= 3
    assert upright.ink_outside == 0


def test_a_picture_in_mnist_form_is_its_own_box(mnist_test: tuple[Gray, Gray]) -> None:
    reading = read_image(encoded(mnist_test[0][0]))
    assert np.array_equal(reading.pixels, mnist_test[0][0])
    assert reading.box == (0, 0, 28, 28)


def test_a_number_among_several_images_is_named_once(mnist_handler, seven: bytes) -> None:
    reply = mnist_handler.one({"first": bytearray(seven), "second": bytearray(encoded(number("25", 40)))})
    assert reply.status == 400
    assert reply.json["error"].startswith("second: ")
    assert reply.json["error"].count("digits;") == 1
