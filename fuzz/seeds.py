"""Small bodies of every protocol and image format, from which the fuzzer starts."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from common.paths import ROOT

SAMPLES = ROOT / "model/mnist/samples"
SIDE = 32
TIFF_COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "lzma", "zstd")
CCITT_COMPRESSIONS = ("group3", "group4", "tiff_ccitt")


def write_seeds(folder: Path) -> None:
    """Write each seed as a file into the folder."""
    for i, body in enumerate([*images(), *messages(), *arrays()]):
        (folder / f"seed-{i:03}").write_bytes(body)


def draw_seven() -> Image.Image:
    """Draw a dark 7 on white, 32×32."""
    page = np.full((SIDE, SIDE), 250, np.uint8)
    points = np.array([(8, 8), (23, 8), (14, 26)], np.int32)
    cv2.polylines(page, [points], False, 10, 3, cv2.LINE_AA)
    return Image.fromarray(page)


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    """Encode an image in a format of Pillow's."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def images() -> Iterator[bytes]:
    """Yield the image in every format, mode and compression."""
    image = draw_seven()
    yield (SAMPLES / "7.png").read_bytes()  # in MNIST's form
    orientation = Image.Exif()
    orientation[0x0112] = 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(90)]}
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        yield encode(image, form)
        yield encode(image.convert("RGB"), form)
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        yield encode(image, form, exif=orientation)
    for form in ("PNG", "GIF", "WEBP", "TIFF"):
        yield encode(image, form, **frames)
        yield encode(image.convert("RGBA"), form)
    for mode in ("1", "P", "LA", "I;16"):
        yield encode(image.convert(mode), "PNG")
    for mode in ("1", "I", "F", "I;16", "CMYK", "YCbCr", "LAB"):
        yield encode(image.convert("RGB").convert(mode) if mode == "LAB" else image.convert(mode), "TIFF")
    yield encode(image, "JPEG", progressive=True)
    yield encode(image.convert("CMYK"), "JPEG")
    yield encode(image, "WEBP", lossless=True)
    yield encode(image, "GIF", interlace=True, transparency=0)
    yield from (encode(image, "TIFF", compression=kind) for kind in TIFF_COMPRESSIONS)
    yield from (encode(image.convert("1"), "TIFF", compression=kind) for kind in CCITT_COMPRESSIONS)


def messages() -> Iterator[bytes]:
    """Yield JSON messages of the V1 and V2 protocols."""
    texts = [base64.b64encode(encode(draw_seven(), form)).decode() for form in ("PNG", "JPEG")]
    pixels = np.asarray(draw_seven().resize((28, 28))).tolist()
    flat = [value for row in pixels for value in row]
    yield from (_dump_json({"instances": [{key: texts[0]}]}) for key in ("data", "b64", "image_bytes"))
    yield _dump_json({"instances": [{"data": {"b64": "data:image/png;base64," + texts[0]}}, {"b64": texts[1]}]})
    yield _dump_json({"instances": [pixels, flat, [value / 255 for value in flat]]})
    yield _dump_json({"inputs": [{"name": "x", "shape": [2], "datatype": "BYTES", "data": texts}]})
    for shape in ([1, 784], [1, 28, 28], [1, 1, 28, 28]):
        yield _dump_json({"id": "1", "inputs": [{"name": "x", "shape": shape, "datatype": "UINT8", "data": flat}]})
    nested = {"name": "x", "shape": [1, 28, 28], "datatype": "FP32", "data": [[[0.5] * 28] * 28]}
    yield _dump_json({"inputs": [nested], "outputs": [{"name": "digit"}, {"name": "probabilities"}]})


def _dump_json(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def arrays() -> Iterator[bytes]:
    """Yield .npy files of every accepted layout, and one of another type."""
    digits = np.zeros((2, 28, 28), np.uint8)
    for array in (digits, digits.reshape(2, 784), np.asfortranarray(digits), digits.astype(np.float32)):
        for version in ((1, 0), (2, 0)):
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, version)
            yield stream.getvalue()
