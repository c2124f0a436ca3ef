"""Images without a digit are refused, not answered with a guess."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from handlers.errors import ClientError
from handlers.mnist.preprocessing.pipeline import preprocess_image
from tests.support.image_factory import encoded, seven


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


def test_a_shape_among_others_holds_no_digit() -> None:
    """The same stroke on plain ground is a digit."""
    plain = seven(pen=30)
    scene, rng = np.full_like(plain, 245), np.random.default_rng(3)
    for x, y, radius, tone in rng.integers((0, 0, 25, 60), (240, 300, 60, 256), (60, 4)).tolist():
        cv2.circle(scene, (x, y), radius, tone, -1, cv2.LINE_AA)
    assert preprocess_image(encoded(plain)).max() == 255
    with pytest.raises(ClientError, match="no digit found"):
        preprocess_image(encoded(np.where(plain < 130, plain, scene)))
