"""Build image files that claim, repeat or hide more than they hold: bombs for a decoder that trusts them."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from common.png import png_chunk, png_file, png_header
from tests.payloads.malicious.limits import MB, SIDE
from tests.support.image_factory import encoded, seven


def png(*chunks: bytes, width: int = SIDE, height: int = SIDE, form: tuple[int, int, int] = (8, 0, 0)) -> bytes:
    """Write a PNG of chunks after its header; form is bits, colour type and interlacing."""
    bits, colour, interlaced = form
    return png_file(png_header(width, height, depth=bits, color_type=colour, interlace=interlaced), *chunks)


def png_claiming(width: int, height: int) -> bytes:
    """Write a PNG of a few bytes whose header claims any size, 8-bit gray."""
    return png(png_chunk(b"IDAT", zlib.compress(bytes(100))), width=width, height=height)


@functools.cache
def zeros(size: int) -> bytes:
    """Pack that many zeros, a thousandth of it in size; the packing of one piece is repeated."""
    piece = 16 * MB
    packer = zlib.compressobj(9)
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", size % 65521, 1)  # Adler-32 of that many zeros
    return start + block * (size // piece) + zlib_end(size % piece) + checksum


def zlib_end(size: int) -> bytes:
    """Pack the last zeros, without head and checksum."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(bytes(size)) + packer.flush()


def pixels(size: int) -> bytes:
    return png_chunk(b"IDAT", zeros(size))


def png_with(*chunks: bytes) -> bytes:
    """Put chunks into the picture of a 7, behind its header."""
    whole = encoded(seven(100, 80, pen=8))
    return whole[:33] + b"".join(chunks) + whole[33:]


def tags(count: int, size: int) -> bytes:
    """Write a TIFF directory whose entries all point at the same bytes: as EXIF, or as a file."""
    entries = b"".join(struct.pack("<HHLL", 40_000 + i, 7, size, 8) for i in range(count))
    at = 8 + size + size % 2
    return b"II*\0" + struct.pack("<L", at) + bytes(at - 8) + struct.pack("<H", count) + entries + bytes(4)


def tiff(tags: dict[int, tuple[int, ...]], data: bytes = b"", *, following: int = 0) -> bytes:
    """Write a TIFF of one grey page: its tags, all as LONG, and its data, which begins at byte 8."""
    at, late = 8 + len(data), b""
    entries = b""
    start = at + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}L", *values)
        if len(values) > 1:
            packed, late = struct.pack("<L", start + len(late)), late + packed
        entries += struct.pack("<HHL", tag, 4, len(values)) + packed
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<L", following)
    return b"II*\0" + struct.pack("<L", at) + data + directory + late


def tiff_of(width: int, height: int, **named: int | tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    numbers = {
        "bits": 258, "compression": 259, "photometric": 262, "offsets": 273, "samples": 277, "rows": 278,
        "counts": 279, "planar": 284, "tile_width": 322, "tile_height": 323, "tile_offsets": 324, "tile_counts": 325,
        "sample_format": 339,
    }  # fmt: skip
    named = {"bits": 8, "compression": 1, "photometric": 1, "samples": 1, **named}
    values = {numbers[name]: value if isinstance(value, tuple) else (value,) for name, value in named.items()}
    return {256: (width,), 257: (height,), **values}


def deep_tiff(values: np.ndarray) -> bytes:
    """Write 32-bit pixels packed with deflate, as one strip."""
    data = zlib.compress(values.tobytes(), 1)
    form = 3 if values.dtype == np.float32 else 2
    height, width = values.shape
    return tiff(
        tiff_of(width, height, bits=32, compression=8, rows=height, offsets=8, counts=len(data), sample_format=form),
        data,
    )


def repeated_strips() -> bytes:
    """Name two strips of one bit a pixel in turn, 100,000 times each: each time half the pixels would be unpacked."""
    half, times = SIDE * SIDE // 16, 100_000
    data = bytes(2 * half)
    return tiff(
        tiff_of(SIDE, SIDE, bits=1, rows=SIDE // 2, offsets=(8, 8 + half) * times, counts=(half,) * 2 * times), data
    )


def gif(width: int, height: int, *frames: bytes) -> bytes:
    black_and_white = bytes(3) + b"\xff" * 3
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + black_and_white + b"".join(frames) + b";"


def gif_frame(width: int, height: int, disposal: int = 0, at: tuple[int, int] = (0, 0)) -> bytes:
    control = b"!\xf9\x04" + bytes([disposal << 2]) + bytes(4)
    return control + b"," + struct.pack("<HHHHB", *at, width, height, 0) + b"\x02\x02\x44\x01\x00"


def bmp(width: int, height: int, data: bytes, *, bits: int = 8, compression: int = 1) -> bytes:
    """Write a BMP, run-length encoded if nothing else is said."""
    palette = bytes(4 * 256) if bits <= 8 else b""
    head = struct.pack("<LllHHLL", 40, width, height, 1, bits, compression, len(data)) + bytes(16)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<LHHL", start + len(data), 0, 0, start) + head + palette + data


def webp(width: int, height: int, *chunks: bytes, flags: int = 0x12) -> bytes:
    """Write an extended WebP: a canvas of that size, and chunks."""
    head = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + riff(b"VP8X", head) + b"".join(chunks)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<L", len(data)) + data + bytes(len(data) % 2)


@functools.cache
def progressive() -> bytes:
    return encoded(Image.fromarray(seven(SIDE, SIDE, pen=300)), "JPEG", progressive=True)


def scans(times: int) -> bytes:
    """Repeat the last scan of a large progressive JPEG."""
    data = progressive()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + data[-2:]


def zipped(before: bytes) -> bytes:
    """Append a zip file that holds 10 MB of zeros, as an npz of NumPy would."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.npy", bytes(10 * MB))
    return before + stream.getvalue()
