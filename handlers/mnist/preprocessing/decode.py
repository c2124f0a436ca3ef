"""Decode an image file into an upright, opaque 8-bit image of bounded size.

Every byte that a client sends as an image comes through here, so nothing here trusts the bytes: six formats are
enabled, the size in the header is checked before any pixel is decoded, and every failure is a ClientError.
"""

from __future__ import annotations

import io
import warnings
import zlib

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from handlers.errors import ClientError

ImageArray = npt.NDArray[np.uint8]  # [h, w] gray or [h, w, 3] RGB, 0 to 255

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
ACCEPTED = "send PNG, JPEG, GIF, BMP, WebP or TIFF"
MAX_SIDE_PX = 4096
# A JPEG in one scan is decoded at 1/8 of its size, line by line, so only time limits it: 50 megapixels take 60 ms.
# One in several scans (progressive) is kept in memory as a whole.
MAX_JPEG_MEGAPIXELS = 70
HEIF_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC"}
# `check_header` is stricter and names the size. This limit is for memory that Pillow allocates while it opens a file
# (for example for a GIF frame that must be cleared): Pillow warns above it and refuses above twice as many pixels.
Image.MAX_IMAGE_PIXELS = MAX_SIDE_PX**2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
WORKING_SIDE_PX = 1000  # a larger image says no more about a digit
MAX_JPEG_SCANS = 24  # progressive files have about 10; each scan costs a pass over all pixels
JPEG_START = b"\xff\xd8\xff"
GRAYSCALE_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
GRAYSCALE_8_BIT = b"\x08\0\0\0\0"  # depth 8, color type gray, deflate, no filter method, not interlaced
ORIENTATION = 0x0112  # in EXIF; above 4, width and height are exchanged
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def decode_image(data: bytes) -> ImageArray:
    """Decode an image file; its longer side becomes at most 1000 pixels. Raises ClientError."""
    if not data:
        raise ClientError(f"the image is empty (0 bytes); {ACCEPTED}")
    small = decode_small_grayscale_png(data)
    return decode_with_pillow(data) if small is None else small


def upright_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of an image file that can be decoded, its EXIF orientation followed."""
    with open_image(data) as image:
        is_turned = image.getexif().get(ORIENTATION, 1) > 4
        return image.size[::-1] if is_turned else image.size


def decode_small_grayscale_png(data: bytes) -> ImageArray | None:
    """Decode a small grayscale PNG with OpenCV; return None for any other file.

    Small: 8-bit, at most 255×255, and exactly the chunks IHDR, IDAT and IEND. Such a file has no transparency,
    orientation or text, and OpenCV needs a tenth of Pillow's time.
    """
    if (
        data[:16] != GRAYSCALE_PNG_START
        or data[24:29] != GRAYSCALE_8_BIT
        or data[37:41] != b"IDAT"
        or data[-12:] != PNG_END
    ):
        return None
    plain = data[16:19] == data[20:23] == b"\0\0\0" and int.from_bytes(data[33:37], "big") + 57 == len(data)
    # OpenCV pads a damaged stream instead of refusing it, so compare the checksum; Pillow reports the damage.
    if not plain or not data[19] or not data[23] or zlib.crc32(data[37:-16]) != int.from_bytes(data[-16:-12], "big"):
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if image is None else np.asarray(image, np.uint8)


def decode_with_pillow(data: bytes) -> ImageArray:
    """Decode any file in one of FORMATS. Raises ClientError."""
    try:
        with open_image(data) as image:
            check_header(image, data)
            return decode_and_downscale(image)
    except ClientError:
        raise
    except UnidentifiedImageError:
        heif = HEIF_BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
        if heif:
            raise ClientError(f"the image is in the format {heif}; convert it to JPEG") from None
        raise ClientError(f"the {len(data)} bytes are not an image in a known format; {ACCEPTED}") from None
    except (MemoryError, Image.DecompressionBombError):
        raise ClientError(too_large("too many")) from None
    except Exception as error:  # malicious files raise OSError, ValueError, SyntaxError, struct.error and more
        state = "cut off before its end" if "truncated" in str(error) else "damaged"
        raise ClientError(f"the image is {state} and cannot be decoded; send the whole file") from None


def open_image(data: bytes) -> Image.Image:
    """Open an image file without decoding its pixels. Raises UnidentifiedImageError and more."""
    if data.startswith(JPEG_START):  # also the first of several: format "MPO"; allocates nothing by the size it claims
        return JpegImageFile(io.BytesIO(data))
    return Image.open(io.BytesIO(data), formats=FORMATS)


def too_large(size: str) -> str:
    return f"the image has {size} pixels; at most {MAX_SIDE_PX}×{MAX_SIDE_PX} are accepted"


def check_header(image: Image.Image, data: bytes) -> None:
    """Raise ClientError, before any pixel is decoded, for an image that would cost too much to decode."""
    size = f"{image.width}×{image.height}"
    if isinstance(image, JpegImageFile):
        if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
            raise ClientError(f"the JPEG image has more than {MAX_JPEG_SCANS} scans; save it as a baseline JPEG")
        if is_single_scan(image, data):
            if image.width * image.height > MAX_JPEG_MEGAPIXELS * 1e6:
                raise ClientError(f"the image has {size} pixels; at most {MAX_JPEG_MEGAPIXELS} megapixels are accepted")
            return
    if max(image.size) > MAX_SIDE_PX:
        raise ClientError(too_large(size))


def is_single_scan(image: JpegImageFile, data: bytes) -> bool:
    """Return whether no second scan follows the first, at whose data Pillow stopped reading the header."""
    start = image.fp.tell() if image.fp else 0
    return data.find(b"\xff\xda", start, data.find(b"\xff\xd9", start)) < 0


def decode_and_downscale(image: Image.Image) -> ImageArray:
    """Decode the pixels of an opened image, turn them upright, downscale them, remove alpha and unused color."""
    if isinstance(image, JpegImageFile):
        scale = max(image.size) / WORKING_SIDE_PX
        size = int(image.width / scale) or 1, int(image.height / scale) or 1
        image.draft(None, size)  # libjpeg decodes at 1/2, 1/4 or 1/8
    ImageOps.exif_transpose(image, in_place=True)  # in place, and no conversion to the same mode below: both would copy
    if image.mode[0] in "IF":
        return downscale(to_uint8(np.asarray(image)), WORKING_SIDE_PX)
    if image.has_transparency_data:
        premultiplied = downscale(np.asarray(image.convert("RGBA").convert("RGBa")), WORKING_SIDE_PX)
        return drop_equal_channels(composite_alpha(premultiplied))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    converted = image if image.mode == mode else image.convert(mode)
    return drop_equal_channels(downscale(np.asarray(converted), WORKING_SIDE_PX))


def to_uint8(deep: npt.NDArray[np.generic]) -> ImageArray:
    """Reduce deep gray [h, w] to uint8: integers to their top eight bits in use, floats by their range."""
    if np.issubdtype(deep.dtype, np.integer):
        positive = np.maximum(deep, 0)
        return np.asarray(positive >> max(0, int(positive.max()).bit_length() - 8), np.uint8)
    values = np.nan_to_num(deep, posinf=0, neginf=0)  # a copy, changed in place: 16 megapixels are 64 MB
    low, high = float(values.min()) / 2, float(values.max()) / 2  # halves: their difference cannot overflow a float
    values /= 2
    values -= low
    values /= np.float32(high - low) or 1
    values *= 255
    values += 0.5
    return values.astype(np.uint8)


def downscale(image: ImageArray, max_side_px: int) -> ImageArray:
    """Average the image down until its longer side is at most `max_side_px`. Any number of channels."""
    h, w = image.shape[:2]
    longer = max(h, w)
    if longer <= max_side_px:
        return image
    scale = max_side_px / longer
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def composite_alpha(premultiplied: ImageArray) -> ImageArray:
    """Put an RGBa image [h, w, 4] on a background; return RGB [h, w, 3].

    The background is white for dark strokes and black for bright ones, as the author saw it. In a mostly opaque image
    (a screenshot with round corners) the holes take the mean color.
    """
    color, alpha = premultiplied[..., :3], premultiplied[..., 3:]
    opacity = max(float(alpha.mean()), 1e-9)
    mean = np.clip(color.mean((0, 1)) / opacity * 255, 0, 255)
    is_bright = mean @ (0.299, 0.587, 0.114) > 127.5
    background = mean if opacity > 0.75 * 255 else np.full(3, 0.0 if is_bright else 255.0)
    behind = (255 - alpha.astype(np.uint16)) * background.round().astype(np.uint16)
    return np.asarray(np.minimum(color + (behind + 127) // 255, 255), np.uint8)


def drop_equal_channels(image: ImageArray) -> ImageArray:
    """Return RGB [h, w, 3] whose channels are equal as gray [h, w], any other image unchanged."""
    if image.ndim == 2 or not (np.ptp(image[::16, ::16], axis=2) == 0).all():  # a few pixels settle most images
        return image
    gray = image[..., 0]
    is_gray = np.array_equal(gray, image[..., 1]) and np.array_equal(gray, image[..., 2])
    return np.ascontiguousarray(gray) if is_gray else image
