"""Valid image files of a 7 that are unusual or hold more than a 7."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from common.png import png_chunk
from tests.payloads.malicious import image_files as files
from tests.payloads.malicious.limits import SIDE
from tests.support.image_factory import encoded, seven


def drawn(form: str, mode: str = "RGB", side: int = SIDE, **options: object) -> Callable[[], bytes]:
    return lambda: encoded(Image.fromarray(seven(side, side, pen=side // 14)).convert(mode), form, **options)


def frames(form: str, count: int) -> Callable[[], bytes]:
    def animation() -> bytes:
        first = Image.fromarray(seven(100, 80, pen=8))
        others = [Image.new("L", first.size, i % 250) for i in range(count - 1)]
        return encoded(first, form, save_all=True, append_images=others)

    return animation


def profiled(form: str) -> Callable[[], bytes]:
    return lambda: encoded(seven(100, 80, pen=8), form, icc_profile=b"no profile" * 5000)


def exif(form: str) -> Callable[[], bytes]:
    """Write EXIF of 400 entries, each of them claiming the same 60 kB."""
    return lambda: encoded(seven(100, 80, pen=8), form, exif=b"Exif\0\0" + files.tags(400, 60_000))


SEVENS: Mapping[str, Callable[[], bytes]] = {
    "CMYK": drawn("JPEG", "CMYK", 2000),
    "one bit": drawn("TIFF", "1", compression="group4"),
    "32-bit floats": lambda: files.deep_tiff(seven(2000, 2000, pen=150).astype(np.float32) * 1e30),
    "32-bit integers": lambda: files.deep_tiff(seven(2000, 2000, pen=150).astype(np.int32) << 20),
    "PNG, 16 bit": lambda: encoded(Image.fromarray(seven().astype(np.uint16) * 257)),
    "progressive JPEG": files.progressive,
    "a JPEG of 24 scans": lambda: files.scans(15),
    "a PNG of 690,000 chunks": lambda: files.png_with(png_chunk(b"abCd", b"") * 690_000),
    "an animated GIF": frames("GIF", 200),
    "an animated PNG": frames("PNG", 200),
    "an animated WebP": frames("WEBP", 50),
    "a TIFF of 200 pages": frames("TIFF", 200),
    "EXIF that says 60 kB 400 times, JPEG": exif("JPEG"),
    "EXIF that says 60 kB 400 times, PNG": exif("PNG"),
    "EXIF that says 60 kB 400 times, WebP": exif("WEBP"),
    "a profile that is none, JPEG": profiled("JPEG"),
    "a profile that is none, PNG": profiled("PNG"),
    "a profile that is none, TIFF": profiled("TIFF"),
    "a PNG that is a zip file too": lambda: files.zipped(encoded(seven())),
    "a GIF that is a script too": lambda: encoded(seven(), "GIF") + b"*/=1;alert(1)",
    "a JPEG with a page of HTML in it": lambda: encoded(seven(), "JPEG", comment=b"<script>alert(1)</script>"),
}  # fmt: skip
