"""Draw and encode test images of a digit, and compare two of them."""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Gray = npt.NDArray[np.uint8]


def encoded(image: Image.Image | Gray, form: str = "PNG", **options: object) -> bytes:
    """Encode an image in a format of Pillow's."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


def seven(height: int = 300, width: int = 240, ink: int = 20, paper: int = 245, pen: int = 22) -> Gray:
    """Draw a 7 with straight strokes, uint8 [height, width]."""
    page = np.full((height, width), paper, np.uint8)
    points = np.array([(0.25, 0.25), (0.75, 0.25), (0.45, 0.8)]) * (width, height)
    cv2.polylines(page, [points.astype(np.int32)], False, ink, pen, cv2.LINE_AA)
    return page


def likeness(a: Gray, b: Gray) -> float:
    """Return the correlation of two images, blurred by the width of a stroke."""
    soft = [cv2.GaussianBlur(x.astype(np.float32), (5, 5), 0).ravel() for x in (a, b)]
    return float(np.corrcoef(soft)[0, 1])
