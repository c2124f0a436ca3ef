"""Image files of every format and mode decode to the same image; damaged and oversized files are refused."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from handlers.errors import ClientError
from handlers.mnist.preprocessing.decode import decode_image, decode_small_grayscale_png
from handlers.mnist.preprocessing.pipeline import preprocess_image
from tests.payloads.malicious.image_files import png_claiming
from tests.payloads.malicious.images import jpeg_claiming
from tests.support.image_factory import Gray, encoded, likeness, seven

FORMATS = ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]


def test_opencv_and_pillow_decode_a_small_png_to_the_same_pixels(mnist_test: tuple[Gray, Gray]) -> None:
    for image in mnist_test[0][:200]:
        for data in (encoded(image), cv2.imencode(".png", image)[1].tobytes()):
            fast = decode_small_grayscale_png(data)
            assert fast is not None
            assert np.array_equal(fast, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_the_same_digit(form: str) -> None:
    assert likeness(preprocess_image(encoded(seven(), form)), preprocess_image(encoded(seven()))) > 0.98


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "I;16", "F", "YCbCr"])
def test_every_mode_shows_the_same_digit(mode: str) -> None:
    image = Image.fromarray(seven())
    if mode == "I;16":
        image = Image.fromarray(seven().astype(np.uint16) * 257)
    else:
        image = image.convert(mode, dither=Image.Dither.NONE)
    assert likeness(preprocess_image(encoded(image, "TIFF")), preprocess_image(encoded(seven()))) > 0.97


@pytest.mark.parametrize("tone", [0, 255, 60, 210])
def test_strokes_of_any_colour_on_transparency_are_found(tone: int) -> None:
    alpha = 255 - seven(ink=0, paper=255)
    picture = np.dstack([np.full_like(alpha, tone)] * 3 + [alpha])
    assert likeness(preprocess_image(encoded(picture)), preprocess_image(encoded(seven()))) > 0.98


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
def test_the_orientation_in_exif_is_followed(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(np.rot90(seven(), turns))
    assert likeness(preprocess_image(encoded(stored, "JPEG", exif=exif)), preprocess_image(encoded(seven()))) > 0.97


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.fromarray(seven()), Image.fromarray(255 - seven()), Image.fromarray(seven(ink=245))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert likeness(preprocess_image(data), preprocess_image(encoded(seven()))) > 0.98


def test_decoding_bounds_the_picture() -> None:
    assert max(decode_image(encoded(seven(4000, 3000), "JPEG")).shape) <= 1024
    assert max(decode_image(encoded(seven(2500, 1700))).shape) <= 1000


def test_each_fault_has_its_own_message() -> None:
    whole = encoded(seven(), "JPEG")
    faults = {
        b"": "empty",
        b"hello, world": "not an image",
        whole[: len(whole) // 2]: "cut off",
        png_claiming(5000, 4000): "5000×4000 pixels",
        encoded(np.full((50, 50), 255, np.uint8)): "no digit found",
    }
    for data, words in faults.items():
        with pytest.raises(ClientError, match=words):
            preprocess_image(data)


def test_a_size_beyond_the_limit_is_refused_before_decoding() -> None:
    for width, height in ((4097, 10), (10, 4097), (60000, 60000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ClientError, match="pixels"):
            preprocess_image(png_claiming(width, height))


@pytest.mark.parametrize("size", [(5712, 4284), (8160, 6120)])
def test_a_jpeg_of_a_phone_is_decoded_at_a_fraction_of_its_size(size: tuple[int, int]) -> None:
    data = encoded(Image.fromarray(seven(600, 800)).resize(size, Image.Resampling.NEAREST), "JPEG")
    assert max(decode_image(data).shape) <= 1020
    assert likeness(preprocess_image(data), preprocess_image(encoded(seven(600, 800)))) > 0.95


def test_only_a_jpeg_in_one_scan_may_be_large() -> None:
    picture = Image.fromarray(seven(600, 800)).resize((5712, 4284))
    for data in (encoded(picture, "JPEG", progressive=True), encoded(picture.convert("1")), encoded(picture, "WEBP")):
        with pytest.raises(ClientError, match="at most 4096×4096"):
            preprocess_image(data)
    with pytest.raises(ClientError, match="12000×9000 pixels; at most 70 megapixels"):
        preprocess_image(jpeg_claiming(12000, 9000))


@pytest.mark.parametrize(("brand", "name"), [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")])
def test_heic_and_avif_are_named(brand: bytes, name: str) -> None:
    with pytest.raises(ClientError, match=f"{name}.*convert it to JPEG"):
        preprocess_image(b"\0\0\0\x18ftyp" + brand + bytes(200))


def test_a_jpeg_of_many_scans_is_refused() -> None:
    data = encoded(seven(), "JPEG", progressive=True)
    bomb = data[:-2] + b"\xff\xda" * 100 + data[-2:]
    with pytest.raises(ClientError, match="scans"):
        preprocess_image(bomb)


def test_a_truncated_small_png_is_refused(mnist_test: tuple[Gray, Gray]) -> None:
    data = encoded(mnist_test[0][0])
    for end in range(8, len(data) - 24, 7):
        with pytest.raises(ClientError):
            preprocess_image(data[:end])


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
        digit = preprocess_image(bytes(damaged[: len(damaged) - cut * 5]))
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
        preprocess_image(start + data)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
@example(23, 1, 0, False)  # a panel of one column and four rows
def test_no_picture_raises_anything_else(height: int, width: int, seed: int, colour: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    for picture in (rng.integers(0, 256, shape), 255 * (rng.random(shape) < 0.1)):
        try:
            digit = preprocess_image(encoded(picture.astype(np.uint8)))
        except ClientError:
            continue
        assert digit.shape == (28, 28)
