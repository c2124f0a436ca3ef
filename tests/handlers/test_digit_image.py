"""What goes in as an image file comes out in MNIST's form, or is refused with a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from client_error import ClientError
from digit_image import is_mnist_form, read_digit
from image_decoding import decode_image, decode_small_grey_png

Gray = npt.NDArray[np.uint8]
FORMATS = ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]


def encoded(image: Image.Image | Gray, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


def seven(height: int = 300, width: int = 240, ink: int = 20, paper: int = 245, pen: int = 22) -> Gray:
    """A 7 drawn with straight strokes, [height, width]."""
    page = np.full((height, width), paper, np.uint8)
    points = np.array([(0.25, 0.25), (0.75, 0.25), (0.45, 0.8)]) * (width, height)
    cv2.polylines(page, [points.astype(np.int32)], False, ink, pen, cv2.LINE_AA)
    return page


def likeness(a: Gray, b: Gray) -> float:
    """The correlation of two pictures, blurred by the width of a stroke."""
    soft = [cv2.GaussianBlur(x.astype(np.float32), (5, 5), 0).ravel() for x in (a, b)]
    return float(np.corrcoef(soft)[0, 1])


def test_all_of_mnist_is_in_mnist_form(mnist_all: npt.NDArray[np.uint8]) -> None:
    assert all(is_mnist_form(image) for image in mnist_all)


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF"])
def test_mnist_passes_bit_for_bit_in_lossless_formats(form: str, mnist_test: tuple[Gray, Gray]) -> None:
    for image in mnist_test[0][:50]:
        assert np.array_equal(read_digit(encoded(image, form)), image)


def test_mnist_as_rgb_lossless_webp_or_16_bit_png_passes_bit_for_bit(mnist_test: tuple[Gray, Gray]) -> None:
    image = mnist_test[0][3]
    assert np.array_equal(read_digit(encoded(np.dstack([image] * 3))), image)
    assert np.array_equal(read_digit(encoded(image, "WEBP", lossless=True)), image)
    assert np.array_equal(read_digit(encoded(image.astype(np.uint16) * 257)), image)


def test_the_fast_path_gives_the_pixels_that_pillow_gives(mnist_test: tuple[Gray, Gray]) -> None:
    for image in mnist_test[0][:200]:
        for data in (encoded(image), cv2.imencode(".png", image)[1].tobytes()):
            fast = decode_small_grey_png(data)
            assert fast is not None
            assert np.array_equal(fast, np.asarray(Image.open(io.BytesIO(data))))


def test_a_28_by_28_image_that_is_not_in_mnist_form_is_brought_to_it(mnist_test: tuple[Gray, Gray]) -> None:
    image = mnist_test[0][0]
    for other in (255 - image, np.roll(image, 4, axis=1), np.roll(image, -3, axis=0)):
        assert not is_mnist_form(other)
        assert likeness(read_digit(encoded(other)), image) > 0.9


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_the_same_digit(form: str) -> None:
    assert likeness(read_digit(encoded(seven(), form)), read_digit(encoded(seven()))) > 0.98


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "I;16", "F", "YCbCr"])
def test_every_mode_shows_the_same_digit(mode: str) -> None:
    image = Image.fromarray(seven())
    if mode == "I;16":
        image = Image.fromarray(seven().astype(np.uint16) * 257)
    else:
        image = image.convert(mode, dither=Image.Dither.NONE)
    assert likeness(read_digit(encoded(image, "TIFF")), read_digit(encoded(seven()))) > 0.97


def test_the_output_is_in_mnist_form() -> None:
    digit = read_digit(encoded(seven()))
    assert digit.dtype == np.uint8
    assert is_mnist_form(digit)
    assert digit.max() == 255
    assert max(cv2.boundingRect(digit)[2:]) == 20


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (150, 200), (90, 60)])
def test_either_polarity_and_low_contrast_are_found(ink: int, paper: int) -> None:
    assert likeness(read_digit(encoded(seven(ink=ink, paper=paper))), read_digit(encoded(seven()))) > 0.98


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
    assert likeness(read_digit(encoded(picture)), read_digit(encoded(seven()))) > 0.98


@pytest.mark.parametrize("tone", [0, 255, 60, 210])
def test_strokes_on_nothing_are_seen_whatever_their_colour(tone: int) -> None:
    alpha = 255 - seven(ink=0, paper=255)
    picture = np.dstack([np.full_like(alpha, tone)] * 3 + [alpha])
    assert likeness(read_digit(encoded(picture)), read_digit(encoded(seven()))) > 0.98


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
def test_the_orientation_in_exif_is_followed(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(np.rot90(seven(), turns))
    assert likeness(read_digit(encoded(stored, "JPEG", exif=exif)), read_digit(encoded(seven()))) > 0.97


def test_a_shadow_across_the_page_is_not_ink() -> None:
    page = seven().astype(np.float32)
    page[:, 120:] *= 0.5
    assert likeness(read_digit(encoded(page.astype(np.uint8))), read_digit(encoded(seven()))) > 0.95


def test_rules_lighter_than_the_ink_are_left_out() -> None:
    page = seven()
    page[10::30] = np.minimum(page[10::30], 190)
    page[:, 5::30] = np.minimum(page[:, 5::30], 190)
    assert likeness(read_digit(encoded(page)), read_digit(encoded(seven()))) > 0.95


def test_specks_and_a_dark_edge_are_left_out() -> None:
    page = seven()
    page[:, :6] = 0
    for x, y in np.random.default_rng(0).integers(10, 230, (15, 2)):
        page[y : y + 2, x : x + 2] = 0
    assert likeness(read_digit(encoded(page)), read_digit(encoded(seven()))) > 0.95


def test_a_pale_digit_beside_a_black_bar_is_found() -> None:
    page = seven(ink=190)
    page[:25] = 0
    assert likeness(read_digit(encoded(page)), read_digit(encoded(seven()))) > 0.95


def test_a_digit_on_a_sheet_on_a_dark_table_is_found() -> None:
    page = np.pad(seven(), 60, constant_values=70)
    assert likeness(read_digit(encoded(page)), read_digit(encoded(seven()))) > 0.95


def test_the_hole_of_a_zero_is_not_taken_for_the_digit() -> None:
    for thickness in (4, 20, 50):
        page = np.full((200, 200), 240, np.uint8)
        cv2.ellipse(page, (100, 100), (50, 70), 0, 0, 360, 20, thickness, cv2.LINE_AA)
        digit = read_digit(encoded(page))
        assert digit[14, 14] == 0
        assert digit[14].max() == 255


def test_a_detached_stroke_is_kept() -> None:
    five = np.full((300, 240), 245, np.uint8)
    cv2.polylines(
        five, [np.array([(90, 85), (85, 140), (150, 150), (150, 220), (80, 225)])], False, 20, 16, cv2.LINE_AA
    )
    bare = read_digit(encoded(five))
    cv2.line(five, (100, 60), (165, 58), 20, 16, cv2.LINE_AA)
    whole = read_digit(encoded(five))
    assert likeness(bare, whole) < 0.8
    assert whole[4:8].sum() > 1000


@pytest.mark.parametrize("pen", [3, 8, 22, 45])
def test_thin_and_thick_pens_come_to_a_like_stroke(pen: int) -> None:
    ink = read_digit(encoded(seven(pen=pen))).sum() / 255
    assert 55 < ink < 140


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.fromarray(seven()), Image.fromarray(255 - seven()), Image.fromarray(seven(ink=245))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert likeness(read_digit(data), read_digit(encoded(seven()))) > 0.98


@pytest.mark.parametrize("tone", [0, 127, 255])
@pytest.mark.parametrize("side", [1, 28, 300])
def test_a_blank_image_holds_no_digit(tone: int, side: int) -> None:
    with pytest.raises(ClientError, match="no digit found"):
        read_digit(encoded(np.full((side, side), tone, np.uint8)))


@pytest.mark.parametrize("side", [28, 100, 400])
def test_noise_holds_no_digit(side: int) -> None:
    rng = np.random.default_rng(side)
    for sigma in (3, 40):
        page = np.clip(128 + rng.normal(0, sigma, (side, side)), 0, 255).astype(np.uint8)
        with pytest.raises(ClientError, match="no digit found"):
            read_digit(encoded(page))


def test_a_gradient_holds_no_digit() -> None:
    with pytest.raises(ClientError, match="no digit found"):
        read_digit(encoded(np.tile(np.linspace(20, 230, 300).astype(np.uint8), (200, 1))))


def hollow_png(width: int, height: int) -> bytes:
    """Claim a size and hold next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (chunk, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_each_fault_has_its_own_sentence() -> None:
    whole = encoded(seven(), "JPEG")
    faults = {
        b"": "empty",
        b"hello, world": "not an image",
        whole[: len(whole) // 2]: "cut off",
        hollow_png(5000, 4000): "5000×4000 pixels",
        encoded(np.full((50, 50), 255, np.uint8)): "no digit found",
    }
    for data, words in faults.items():
        with pytest.raises(ClientError, match=words):
            read_digit(data)


def test_a_size_beyond_the_limit_is_refused_before_decoding() -> None:
    for width, height in ((4097, 10), (10, 4097), (60000, 60000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ClientError, match="pixels"):
            read_digit(hollow_png(width, height))


def test_a_jpeg_of_many_scans_is_refused() -> None:
    data = encoded(seven(), "JPEG", progressive=True)
    bomb = data[:-2] + b"\xff\xda" * 100 + data[-2:]
    with pytest.raises(ClientError, match="scans"):
        read_digit(bomb)


def test_a_truncated_small_png_is_refused(mnist_test: tuple[Gray, Gray]) -> None:
    data = encoded(mnist_test[0][0])
    for end in range(8, len(data) - 24, 7):
        with pytest.raises(ClientError):
            read_digit(data[:end])


VALID = [encoded(seven(64, 48, pen=5), form) for form in FORMATS] + [
    encoded(Image.fromarray(seven(64, 48, pen=5)).convert(mode), form)
    for mode, form in (("1", "TIFF"), ("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("F", "TIFF"))
]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
)
def test_no_damage_raises_anything_else(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(data)] ^= value
    try:
        digit = read_digit(bytes(damaged[: len(damaged) - cut * 5]))
    except ClientError:
        return
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"RIFF"]),
)
def test_no_garbage_raises_anything_else(data: bytes, start: bytes) -> None:
    with pytest.raises(ClientError):
        read_digit(start + data)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_no_picture_raises_anything_else(height: int, width: int, seed: int, colour: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    for picture in (rng.integers(0, 256, shape), 255 * (rng.random(shape) < 0.1)):
        try:
            digit = read_digit(encoded(picture.astype(np.uint8)))
        except ClientError:
            continue
        assert digit.shape == (28, 28)


def test_decoding_bounds_the_picture() -> None:
    assert max(decode_image(encoded(seven(4000, 3000), "JPEG")).shape) <= 1024
    assert max(decode_image(encoded(seven(2500, 1700))).shape) <= 1000
