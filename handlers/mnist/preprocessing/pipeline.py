"""The way of an encoded image from its file to MNIST's form, step by step.

`preprocess_image(Path("photo.jpg").read_bytes())` returns uint8 [28, 28], a bright digit on 0.
"""

from __future__ import annotations

from handlers.mnist.preprocessing.binarize import ink_coverage
from handlers.mnist.preprocessing.decode import ImageArray, decode_image
from handlers.mnist.preprocessing.localize import locate_digit, upscale_small
from handlers.mnist.preprocessing.normalize import center_by_mass, fit_box, is_mnist_form, normalize_stroke_width


def preprocess_image(data: bytes) -> ImageArray:
    """Bring the digit in an image file to MNIST's form: uint8 [28, 28], bright on 0.

    An image in MNIST's form already is returned unchanged. Raises ClientError for a file that cannot be decoded,
    NoDigitError for an image without a digit.
    """
    image = decode_image(data)
    if is_mnist_form(image):
        return image
    image = upscale_small(image)
    place = locate_digit(image)
    coverage = ink_coverage(place.image, place.digit)
    coverage = normalize_stroke_width(coverage)
    box = fit_box(coverage)
    return center_by_mass(box)
