"""Images without a digit are refused, not answered with a guess."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from handlers.errors import ClientError
from handlers.mnist.preprocessing.pipeline import preprocess_image
from tests.support.image_factory import encoded, seven

Noise = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


@pytest.mark.parametrize("tone", [0, 127, 255])
@pytest.mark.parametrize("side", [1, 28, 300])
def test_a_blank_image_holds_no_digit(tone: int, side: int) -> None:
    with pytest.raises(ClientError, match="no digit found"):
        preprocess_image(encoded(np.full((side, side), tone, np.uint8)))


@pytest.mark.parametrize("side", [28, 100, 400])
def test_noise_holds_no_digit(side: int) -> None:
    rng = np.random.default_rng(side)
    for sigma in (3, 40):
        page = np.clip(128 + rng.normal(0, sigma, (side, side)), 0, 255).astype(np.uint8)
        with pytest.raises(ClientError, match="no digit found"):
            preprocess_image(encoded(page))


def fine(rng: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    return rng.integers(0, 256, (side, side, 3)).astype(float)


def blurred(rng: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    return 128 + 100 * np.asarray(cv2.blur(rng.normal(0, 1, (side, side)), (3, 3)), np.float64)


def salt_and_pepper(rng: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    return rng.choice([0.0, 128.0, 255.0], (side, side), p=[0.1, 0.8, 0.1])


def two_tones(rng: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    return rng.choice([0.0, 255.0], (side, side))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [fine, blurred, salt_and_pepper, two_tones])
def test_noise_of_any_kind_holds_no_digit(noise: Noise, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for side in (80, 240):
        with pytest.raises(ClientError, match="no digit found"):
            preprocess_image(encoded(np.clip(noise(rng, side), 0, 255).astype(np.uint8)))


def test_a_gradient_holds_no_digit() -> None:
    with pytest.raises(ClientError, match="no digit found"):
        preprocess_image(encoded(np.tile(np.linspace(20, 230, 300).astype(np.uint8), (200, 1))))


@pytest.mark.parametrize("lines", [5, 12])
@pytest.mark.parametrize("squared", [False, True])
def test_an_empty_ruled_page_holds_no_digit(lines: int, squared: bool) -> None:
    page = np.full((500, 400), 240, np.uint8)
    for y in np.linspace(20, 480, lines).astype(int):
        cv2.line(page, (0, y), (399, y - 6), 170, 2, cv2.LINE_AA)
    for x in np.linspace(20, 380, lines).astype(int) if squared else ():
        cv2.line(page, (x, 0), (x + 5, 499), 170, 2, cv2.LINE_AA)
    with pytest.raises(ClientError, match="no digit found"):
        preprocess_image(encoded(page))


@pytest.mark.parametrize("angle", [0, 3, 12, -25])
@pytest.mark.parametrize("margin", [0, 40])
@pytest.mark.parametrize("pen", [1, 4])
def test_ruled_lines_of_any_layout_hold_no_digit(pen: int, margin: int, angle: float) -> None:
    """Tilted, short of the border, faint, broken and squared."""
    rng = np.random.default_rng(0)
    for ink, broken, squared in ((60, 0.0, False), (200, 0.0, True), (200, 0.35, False)):
        page = np.full((480, 400), 240, np.uint8)
        for at in range(max(20, margin), 480 - margin, 37):
            cv2.line(page, (margin, at), (399 - margin, at), ink, pen, cv2.LINE_AA)
            if squared and at < 400 - margin:
                cv2.line(page, (at, margin), (at, 479 - margin), ink, pen, cv2.LINE_AA)
        page[np.repeat(rng.random((480, 100)) < broken, 4, axis=1)] = 240
        turn = cv2.getRotationMatrix2D((200, 240), angle, 1.0 if margin else 1.3)
        turned = cv2.warpAffine(page, turn, (400, 480), borderValue=240) + rng.normal(0, 2, page.shape)
        with pytest.raises(ClientError, match="no digit found"):
            preprocess_image(encoded(np.clip(turned, 0, 255).astype(np.uint8)))


@pytest.mark.parametrize("tilt", [0, 40])
def test_a_straight_stroke_is_a_one_and_not_a_ruled_line(tilt: int) -> None:
    page = np.full((400, 300), 240, np.uint8)
    cv2.line(page, (150 + tilt, 80), (150 - tilt, 320), 40, 8, cv2.LINE_AA)
    for y in range(30, 400, 60):
        cv2.line(page, (0, y), (299, y), 200, 1, cv2.LINE_AA)
    x, _, w, h = cv2.boundingRect(preprocess_image(encoded(page)))
    assert h == 20
    assert w < 12
    assert 6 < x < 16


def test_a_shape_among_others_holds_no_digit() -> None:
    """The same stroke on plain ground is a digit."""
    plain = seven(pen=30)
    scene, rng = np.full_like(plain, 245), np.random.default_rng(3)
    for x, y, radius, tone in rng.integers((0, 0, 25, 60), (240, 300, 60, 256), (60, 4)).tolist():
        cv2.circle(scene, (x, y), radius, tone, -1, cv2.LINE_AA)
    assert preprocess_image(encoded(plain)).max() == 255
    with pytest.raises(ClientError, match="no digit found"):
        preprocess_image(encoded(np.where(plain < 130, plain, scene)))
