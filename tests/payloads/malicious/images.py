"""Malicious image files, each with a part of its error message."""

from __future__ import annotations

import lzma

import numpy as np
from PIL import Image

from common.png import png_chunk
from tests.payloads.malicious import image_files as files
from tests.payloads.malicious.limits import HUGE, MB, SIDE, Bodies
from tests.support.image_factory import encoded, seven

DAMAGED = "cannot be decoded"
UNKNOWN = "not an image in a known format"
LARGE = "at most 4096×4096"
LARGE_JPEG = "at most 70 megapixels"
NO_DIGIT = "no digit found"
SCANS = "more than 24 scans"


def floats() -> bytes:
    values = np.full((SIDE, SIDE), np.nan, np.float32)
    values[::2], values[:, ::3], values[5] = np.inf, -np.inf, 3e38
    return files.deep_tiff(values)


def mpo(first: bytes) -> bytes:
    """Write a JPEG that says it is the first of two pictures, as cameras do."""
    two = encoded(seven(), "MPO", save_all=True, append_images=[Image.fromarray(seven())])
    marker = two.index(b"\xff\xe2")
    segment = two[marker : marker + 2 + int.from_bytes(two[marker + 2 : marker + 4], "big")]
    return first[:2] + segment + first[2:]


def jpeg_in_tiff(data: bytes) -> bytes:
    form = files.tiff_of(SIDE, SIDE, compression=7, rows=SIDE, offsets=8, counts=len(data))
    return files.tiff(form, data)


def jpeg_claiming(width: int, height: int) -> bytes:
    data = encoded(seven(), "JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[frame + 4 :]


def lzma_in_tiff() -> bytes:
    packed = lzma.compress(bytes(SIDE), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**30}])
    return files.tiff(files.tiff_of(SIDE, 1, compression=34925, rows=1, offsets=8, counts=len(packed)), packed)


REFUSED: Bodies = {
    "a PNG of 16 megapixels, 16 bit, RGBA, interlaced": (
        lambda: files.png(files.pixels(8 * SIDE * (SIDE + 2)), form=(16, 6, 1)), NO_DIGIT),
    "a PNG with a gigabyte behind its pixels": (lambda: files.png(files.pixels(2**30), height=100), NO_DIGIT),
    "a PNG with a profile of a gigabyte": (
        lambda: files.png_with(png_chunk(b"iCCP", b"x\0\0" + files.zeros(2**30))), DAMAGED),
    "a PNG with a text of a gigabyte": (
        lambda: files.png_with(png_chunk(b"zTXt", b"x\0\0" + files.zeros(2**30))), DAMAGED),
    "a PNG with 7,000 texts of a megabyte": (
        lambda: files.png_with(png_chunk(b"zTXt", b"x\0\0" + files.zeros(MB - 1)) * 7000), DAMAGED),
    "a PNG of two billion pixels a side": (
        lambda: files.png(files.pixels(9), width=2**31 - 1, height=2**31 - 1), LARGE),
    "a JPEG of 600 scans": (lambda: files.scans(600), SCANS),
    "a JPEG of 600 scans as the first of two pictures": (lambda: mpo(files.scans(600)), SCANS),
    "a JPEG in 600 scans in a TIFF": (lambda: jpeg_in_tiff(files.scans(600)), DAMAGED),
    "a JPEG of 65,000 pixels a side": (lambda: jpeg_claiming(HUGE, HUGE), LARGE_JPEG),
    "a GIF of 65,000 pixels a side, to be cleared": (
        lambda: files.gif(HUGE, HUGE, files.gif_frame(HUGE, HUGE, 2), files.gif_frame(1, 1)), LARGE),
    "a GIF with a frame far outside": (lambda: files.gif(9, 9, files.gif_frame(HUGE, 9, 2, at=(HUGE, HUGE))), LARGE),
    "a BMP of runs of one pixel": (lambda: files.bmp(SIDE, SIDE, b"\x01\x05" * 3_950_000), DAMAGED),
    "a BMP of leaps": (lambda: files.bmp(SIDE, SIDE, b"\0\x02\xff\0" * 1_900_000), NO_DIGIT),
    "a BMP of two billion pixels a side": (lambda: files.bmp(2**31 - 1, 2**31 - 1, b""), LARGE),
    "a BMP of negative width": (lambda: files.bmp(-8, 8, b""), LARGE),
    "a WebP of 16 million pixels by 255": (lambda: files.webp(2**24, 255), LARGE),
    "a WebP of 65,000 pixels a side": (lambda: files.webp(HUGE, HUGE), LARGE),
    "a TIFF of floats that are none": (floats, NO_DIGIT),
    "a TIFF of 16 million integers": (lambda: files.deep_tiff(np.full((SIDE, SIDE), -(2**31), np.int32)), NO_DIGIT),
    "a TIFF that names its strips 100,000 times": (files.repeated_strips, NO_DIGIT),
    "a TIFF that is its own next page": (
        lambda: files.tiff(files.tiff_of(9, 9, rows=9, offsets=8, counts=81), bytes(81), following=8 + 81), NO_DIGIT),
    "a TIFF of 5,000 tags of the same megabytes": (lambda: files.tags(5000, 7_900_000), UNKNOWN),
    "a TIFF of one tile of four billion pixels": (
        lambda: files.tiff(files.tiff_of(SIDE, SIDE, compression=8, tile_width=HUGE, tile_height=HUGE, tile_offsets=8,
                                         tile_counts=100), files.zeros(100)), DAMAGED),
    "a TIFF of a million samples": (
        lambda: files.tiff(files.tiff_of(9, 9, samples=10**6, rows=9, offsets=8, counts=9), bytes(9)), UNKNOWN),
    "a TIFF packed with LZMA that wants 1 GB": (lzma_in_tiff, NO_DIGIT),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", UNKNOWN),
    "PDF": (lambda: b"%PDF-1.7\n" + encoded(seven(), "JPEG"), UNKNOWN),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file", UNKNOWN),
    "a zip file": (lambda: files.zipped(b""), UNKNOWN),
}  # fmt: skip
