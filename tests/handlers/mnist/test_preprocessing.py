"""Preprocessing brings a digit to MNIST's form; an image in that form passes bit for bit."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from handlers.mnist.preprocessing.normalize import is_mnist_form
from handlers.mnist.preprocessing.pipeline import preprocess_image
from tests.support.image_factory import Gray, encoded, likeness, seven


def test_all_of_mnist_is_in_mnist_form(mnist_all: npt.NDArray[np.uint8]) -> None:
    assert all(is_mnist_form(image) for image in mnist_all)


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF"])
def test_mnist_passes_bit_for_bit_in_lossless_formats(form: str, mnist_test: tuple[Gray, Gray]) -> None:
    for image in mnist_test[0][:50]:
        assert np.array_equal(preprocess_image(encoded(image, form)), image)


def test_mnist_as_rgb_lossless_webp_or_16_bit_png_passes_bit_for_bit(mnist_test: tuple[Gray, Gray]) -> None:
    image = mnist_test[0][3]
    assert np.array_equal(preprocess_image(encoded(np.dstack([image] * 3))), image)
    assert np.array_equal(preprocess_image(encoded(image, "WEBP", lossless=True)), image)
    assert np.array_equal(preprocess_image(encoded(image.astype(np.uint16) * 257)), image)


def test_a_28_by_28_image_that_is_not_in_mnist_form_is_brought_to_it(mnist_test: tuple[Gray, Gray]) -> None:
    image = mnist_test[0][0]
    for other in (255 - image, np.roll(image, 4, axis=1), np.roll(image, -3, axis=0)):
        assert not is_mnist_form(other)
        assert likeness(preprocess_image(encoded(other)), image) > 0.9


def test_the_output_is_in_mnist_form() -> None:
    digit = preprocess_image(encoded(seven()))
    assert digit.dtype == np.uint8
    assert is_mnist_form(digit)
    assert digit.max() == 255
    assert max(cv2.boundingRect(digit)[2:]) == 20


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (150, 200), (90, 60)])
def test_either_polarity_and_low_contrast_are_found(ink: int, paper: int) -> None:
    assert likeness(preprocess_image(encoded(seven(ink=ink, paper=paper))), preprocess_image(encoded(seven()))) > 0.98


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 240, 0), (255, 255, 255)),
        ((255, 0, 0), (0, 0, 0)),
        ((0, 160, 0), (210, 50, 50)),
        ((0, 0, 150), (0, 0, 0)),
    ],
)
def test_coloured_ink_is_told_from_its_ground_by_colour(ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    share = (245 - seven().astype(np.float32))[..., None] / 225
    picture = (np.array(paper) * (1 - share) + np.array(ink) * share).astype(np.uint8)
    assert likeness(preprocess_image(encoded(picture)), preprocess_image(encoded(seven()))) > 0.98


def test_a_shadow_across_the_page_is_not_ink() -> None:
    page = seven().astype(np.float32)
    page[:, 120:] *= 0.5
    assert likeness(preprocess_image(encoded(page.astype(np.uint8))), preprocess_image(encoded(seven()))) > 0.95


def test_rules_lighter_than_the_ink_are_left_out() -> None:
    page = seven()
    page[10::30] = np.minimum(page[10::30], 190)
    page[:, 5::30] = np.minimum(page[:, 5::30], 190)
    assert likeness(preprocess_image(encoded(page)), preprocess_image(encoded(seven()))) > 0.95


def test_specks_and_a_dark_edge_are_left_out() -> None:
    page = seven()
    page[:, :6] = 0
    for x, y in np.random.default_rng(0).integers(10, 230, (15, 2)):
        page[y : y + 2, x : x + 2] = 0
    assert likeness(preprocess_image(encoded(page)), preprocess_image(encoded(seven()))) > 0.95


def test_a_pale_digit_beside_a_black_bar_is_found() -> None:
    page = seven(ink=190)
    page[:25] = 0
    assert likeness(preprocess_image(encoded(page)), preprocess_image(encoded(seven()))) > 0.95


def test_a_digit_on_a_sheet_on_a_dark_table_is_found() -> None:
    page = np.pad(seven(), 60, constant_values=70)
    assert likeness(preprocess_image(encoded(page)), preprocess_image(encoded(seven()))) > 0.95


def test_the_hole_of_a_zero_is_not_taken_for_the_digit() -> None:
    for thickness in (4, 20, 50):
        page = np.full((200, 200), 240, np.uint8)
        cv2.ellipse(page, (100, 100), (50, 70), 0, 0, 360, 20, thickness, cv2.LINE_AA)
        digit = preprocess_image(encoded(page))
        assert digit[14, 14] == 0
        assert digit[14].max() == 255


def test_a_detached_stroke_is_kept() -> None:
    five = np.full((300, 240), 245, np.uint8)
    cv2.polylines(
        five, [np.array([(90, 85), (85, 140), (150, 150), (150, 220), (80, 225)])], False, 20, 16, cv2.LINE_AA
    )
    bare = preprocess_image(encoded(five))
    cv2.line(five, (100, 60), (165, 58), 20, 16, cv2.LINE_AA)
    whole = preprocess_image(encoded(five))
    assert likeness(bare, whole) < 0.8
    assert whole[4:8].sum() > 1000


@pytest.mark.parametrize("pen", [3, 8, 22, 45])
def test_thin_and_thick_pens_come_to_a_like_stroke(pen: int) -> None:
    ink = preprocess_image(encoded(seven(pen=pen))).sum() / 255
    assert 55 < ink < 140


def test_a_digit_on_a_turned_sheet_is_found() -> None:
    page = np.pad(np.pad(seven(ink=60), ((30, 30), (30, 70)), constant_values=245), 160, constant_values=110)
    height, width = page.shape
    turned = cv2.warpAffine(
        page, cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1), (width, height), borderValue=110
    )
    alone = cv2.warpAffine(seven(), cv2.getRotationMatrix2D((120, 150), 12, 1), (240, 300), borderValue=245)
    assert likeness(preprocess_image(encoded(turned)), preprocess_image(encoded(alone))) > 0.95


def test_a_digit_in_a_printed_box_is_found() -> None:
    page = np.pad(seven(), 30, constant_values=245)
    cv2.rectangle(page, (45, 45), (255, 315), 20, 4)
    assert likeness(preprocess_image(encoded(page)), preprocess_image(encoded(seven()))) > 0.95


def test_a_blurred_digit_is_found() -> None:
    soft = cv2.GaussianBlur(seven(600, 480, ink=90, paper=200, pen=80), (0, 0), 24)
    assert likeness(preprocess_image(encoded(soft)), preprocess_image(encoded(seven()))) > 0.9


def test_a_faint_digit_is_found() -> None:
    assert likeness(preprocess_image(encoded(seven(ink=229, paper=245))), preprocess_image(encoded(seven()))) > 0.95
