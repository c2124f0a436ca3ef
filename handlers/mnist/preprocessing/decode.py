"""From the bytes of an image file, whatever they are, to a bounded, upright, opaque 8-bit picture.

Everything that a client can send comes through here, so nothing here trusts the bytes: six decoders and no others, the
size in the header checked before a pixel is decoded, and every failure a `ClientError` with a sentence for people.
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

Pixels = npt.NDArray[np.uint8]  # [h, w] grey or [h, w, 3] RGB, 0 to 255

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
ACCEPTED = "send PNG, JPEG, GIF, BMP, WebP or TIFF"
MAX_SIDE_PX = 4096
# Our own check, below, is stricter and says the size. This is for what Pillow allots while it opens a file (for a GIF's
# frame that is to be cleared): it warns above this many pixels, and refuses above twice as many.
Image.MAX_IMAGE_PIXELS = MAX_SIDE_PX**2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
WORKING_SIDE_PX = 1000  # more detail than this tells nothing about a digit
MAX_JPEG_SCANS = 24  # progressive files have about 10; each costs a pass over all pixels, so thousands are an attack
GREY_PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
GREY_8_BIT = b"\x08\0\0\0\0"  # depth 8, colour type grey, deflate, no filter method, not interlaced
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def decode_image(data: bytes) -> Pixels:
    """The picture in `data`, its longer side at most 1000 pixels unless it is grey and small enough already."""
    if not data:
        raise ClientError(f"the image is empty (0 bytes); {ACCEPTED}")
    small = decode_small_grey_png(data)
    return decode_any(data) if small is None else small


def decode_small_grey_png(data: bytes) -> Pixels | None:
    """The fast path: a PNG of exactly IHDR, one IDAT and IEND, 8-bit grey, at most 255 by 255; None for all else.

    Nothing hides in such a file (no transparency, orientation, text), and OpenCV takes a tenth of Pillow's time.
    """
    if data[:16] != GREY_PNG_HEAD or data[24:29] != GREY_8_BIT or data[37:41] != b"IDAT" or data[-12:] != PNG_END:
        return None
    plain = data[16:19] == data[20:23] == b"\0\0\0" and int.from_bytes(data[33:37], "big") + 57 == len(data)
    # OpenCV fills up a damaged stream instead of refusing it: the checksum is compared, damaged files go to Pillow
    if not plain or not data[19] or not data[23] or zlib.crc32(data[37:-16]) != int.from_bytes(data[-16:-12], "big"):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def decode_any(data: bytes) -> Pixels:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_header(image, data)
            return working_pixels(image)
    except ClientError:
        raise
    except UnidentifiedImageError:
        raise ClientError(f"the {len(data)} bytes are not an image in a known format; {ACCEPTED}") from None
    except (MemoryError, Image.DecompressionBombError):
        raise ClientError(too_large("too many")) from None
    except Exception as error:  # hostile files raise OSError, ValueError, SyntaxError, struct.error and more
        state = "cut off before its end" if "truncated" in str(error) else "damaged"
        raise ClientError(f"the image is {state} and cannot be decoded; send the whole file") from None


def too_large(size: str) -> str:
    return f"the image has {size} pixels; at most {MAX_SIDE_PX}×{MAX_SIDE_PX} are accepted"


def check_header(image: Image.Image, data: bytes) -> None:
    """Refuse, before any pixel is decoded, what would cost too much to decode."""
    width, height = image.size
    if max(width, height) > MAX_SIDE_PX:
        raise ClientError(too_large(f"{width}×{height}"))
    if isinstance(image, JpegImageFile) and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ClientError(f"the JPEG image has more than {MAX_JPEG_SCANS} scans; save it as a baseline JPEG")


def working_pixels(image: Image.Image) -> Pixels:
    """Decode, turn upright, reduce and flatten a checked image."""
    if isinstance(image, JpegImageFile):  # also the first of several: format "MPO"
        shrink = max(image.size) / WORKING_SIDE_PX
        image.draft(None, (int(image.width / shrink), int(image.height / shrink)))  # libjpeg decodes at 1/2, 1/4 or 1/8
    ImageOps.exif_transpose(image, in_place=True)  # in place, and below no conversion to the same mode: it would copy
    if image.mode[0] in "IF":
        return reduced(eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        premultiplied = reduced(np.asarray(image.convert("RGBA").convert("RGBa")))
        return without_colour_if_grey(on_background(premultiplied))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return without_colour_if_grey(reduced(np.asarray(image if image.mode == mode else image.convert(mode))))


def eight_bits(deep: npt.NDArray[np.generic]) -> Pixels:
    """Deep grey [h, w] as uint8: integers by their top eight bits in use, floats by their range."""
    if np.issubdtype(deep.dtype, np.integer):
        positive = np.maximum(deep, 0)
        return np.asarray(positive >> max(0, int(positive.max()).bit_length() - 8), np.uint8)
    values = np.nan_to_num(deep, posinf=0, neginf=0)  # a copy, changed in place: 16 megapixels are 64 MB
    low, high = float(values.min()) / 2, float(values.max()) / 2  # halves: their difference is no more than a float
    values /= 2
    values -= low
    values /= np.float32(high - low) or 1
    values *= 255
    values += 0.5
    return values.astype(np.uint8)


def reduced(pixels: Pixels) -> Pixels:
    """The picture with its longer side at most `WORKING_SIDE_PX`, each new pixel the mean of the old ones in it."""
    longer = max(pixels.shape[:2])
    if longer <= WORKING_SIDE_PX:
        return pixels
    scale = WORKING_SIDE_PX / longer
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def on_background(premultiplied: Pixels) -> Pixels:
    """RGBa [h, w, 4], colours times alpha, on what its author saw: white behind dark strokes, black behind light ones.

    A picture that is mostly opaque (a screenshot with round corners) has its ground: the holes take its mean colour.
    """
    colour, alpha = premultiplied[..., :3], premultiplied[..., 3:]
    seen = max(float(alpha.mean()), 1e-9)
    mean = np.clip(colour.mean((0, 1)) / seen * 255, 0, 255)
    ground = mean if seen > 0.75 * 255 else np.full(3, 0.0 if mean @ (0.299, 0.587, 0.114) > 127.5 else 255.0)
    behind = (255 - alpha.astype(np.uint16)) * ground.round().astype(np.uint16)
    return np.asarray(np.minimum(colour + (behind + 127) // 255, 255), np.uint8)


def without_colour_if_grey(pixels: Pixels) -> Pixels:
    """[h, w, 3] of equal channels as [h, w]."""
    if pixels.ndim == 2 or not (np.ptp(pixels[::16, ::16], axis=2) == 0).all():  # a look at a few settles most
        return pixels
    grey = pixels[..., 0]
    same = np.array_equal(grey, pixels[..., 1]) and np.array_equal(grey, pixels[..., 2])
    return np.ascontiguousarray(grey) if same else pixels
