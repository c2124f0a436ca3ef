"""Write a PNG file chunk by chunk (PNG specification, 5.3)."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of the four-letter `kind` with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, *, depth: int = 8, color_type: int = 0, interlace: int = 0) -> bytes:
    """Return the IHDR chunk; by default 8-bit gray."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace))


def png_file(header: bytes, *chunks: bytes) -> bytes:
    """Return a PNG of a header, any chunks, and IEND."""
    return SIGNATURE + header + b"".join(chunks) + png_chunk(b"IEND", b"")
