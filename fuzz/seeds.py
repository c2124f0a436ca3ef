"""A body of every form and image format that the readers know, small, for the fuzzer to begin with."""

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


def write(folder: Path) -> None:
    for i, body in enumerate([*images(), *messages(), *arrays()]):
        (folder / f"seed-{i:03}").write_bytes(body)


def seven() -> Image.Image:
    page = np.full((SIDE, SIDE), 250, np.uint8)
    points = np.array([(8, 8), (23, 8), (14, 26)], np.int32)
    cv2.polylines(page, [points], False, 10, 3, cv2.LINE_AA)
    return Image.fromarray(page)


def file(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def images() -> Iterator[bytes]:
    image = seven()
    yield (SAMPLES / "7.png").read_bytes()  # in MNIST's form
    orientation = Image.Exif()
    orientation[0x0112] = 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(90)]}
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        yield file(image, form)
        yield file(image.convert("RGB"), form)
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        yield file(image, form, exif=orientation)
    for form in ("PNG", "GIF", "WEBP", "TIFF"):
        yield file(image, form, **frames)
        yield file(image.convert("RGBA"), form)
    for mode in ("1", "P", "LA", "I;16"):
        yield file(image.convert(mode), "PNG")
    for mode in ("1", "I", "F", "I;16", "CMYK", "YCbCr", "LAB"):
        yield file(image.convert("RGB").convert(mode) if mode == "LAB" else image.convert(mode), "TIFF")
    yield file(image, "JPEG", progressive=True)
    yield file(image.convert("CMYK"), "JPEG")
    yield file(image, "WEBP", lossless=True)
    yield file(image, "GIF", interlace=True, transparency=0)
    yield from (file(image, "TIFF", compression=kind) for kind in TIFF_COMPRESSIONS)
    yield from (file(image.convert("1"), "TIFF", compression=kind) for kind in CCITT_COMPRESSIONS)


def messages() -> Iterator[bytes]:
    """JSON in each of its forms."""
    texts = [base64.b64encode(file(seven(), form)).decode() for form in ("PNG", "JPEG")]
    pixels = np.asarray(seven().resize((28, 28))).tolist()
    flat = [value for row in pixels for value in row]
    yield from (_json({"instances": [{key: texts[0]}]}) for key in ("data", "b64", "image_bytes"))
    yield _json({"instances": [{"data": {"b64": "data:image/png;base64," + texts[0]}}, {"b64": texts[1]}]})
    yield _json({"instances": [pixels, flat, [value / 255 for value in flat]]})
    yield _json({"inputs": [{"name": "x", "shape": [2], "datatype": "BYTES", "data": texts}]})
    for shape in ([1, 784], [1, 28, 28], [1, 1, 28, 28]):
        yield _json({"id": "1", "inputs": [{"name": "x", "shape": shape, "datatype": "UINT8", "data": flat}]})
    nested = {"name": "x", "shape": [1, 28, 28], "datatype": "FP32", "data": [[[0.5] * 28] * 28]}
    yield _json({"inputs": [nested], "outputs": [{"name": "digit"}, {"name": "probabilities"}]})


def _json(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def arrays() -> Iterator[bytes]:
    digits = np.zeros((2, 28, 28), np.uint8)
    for array in (digits, digits.reshape(2, 784), np.asfortranarray(digits), digits.astype(np.float32)):
        for version in ((1, 0), (2, 0)):
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, version)
            yield stream.getvalue()
