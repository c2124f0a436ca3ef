"""The way of an encoded image to the 28×28 pixels the net knows: light ink on a dark ground, 0 to 255.

Pure functions, no state. Nothing is decoded before the header's size has been checked.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from client_error import ClientError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
SIDE = 28
MAX_SIDE = 4096
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit only warns at first; ours is below it and always refuses


def read_digit(data: bytes) -> NDArray[np.uint8]:
    """Decode an image file of any of FORMATS, turn it grey and resize it.

    Returns uint8 [28, 28]. Raises ClientError for anything that is not a whole image of at most 4096×4096 pixels.
    """
    image = _open(data)
    try:
        grey = image.convert("L")
    except Exception as error:  # a decoder fed with hostile bytes raises whatever it likes
        raise ClientError(
            f"the {image.format} image is damaged or incomplete ({error}); send the whole file"
        ) from error
    if grey.size != (SIDE, SIDE):
        grey = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(grey)


def pixel_count(data: bytes) -> int:
    """Width times height as the header of `data` tells them; decodes nothing. Raises ClientError like `read_digit`."""
    width, height = _open(data).size
    return width * height


def _open(data: bytes) -> Image.Image:
    """Read the header only. Pixels are decoded by the first access to them."""
    if not data:
        raise ClientError(f"the image is empty (0 bytes); send a {_accepted()} file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ClientError(f"the {len(data)} bytes are not an image in a known format; send {_accepted()}") from error
    except Exception as error:
        raise ClientError(f"the image's header cannot be read ({error}); send a whole {_accepted()} file") from error
    if max(image.size) > MAX_SIDE:
        width, height = image.size
        raise ClientError(f"the image is {width}×{height} pixels; at most {MAX_SIDE}×{MAX_SIDE} are accepted")
    return image


def _accepted() -> str:
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]
