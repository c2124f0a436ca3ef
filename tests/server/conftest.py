"""Fixtures of the tests over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture
def image_file_of_seven(test_images: NDArray[np.uint8]) -> Callable[[str], bytes]:
    """Return a function that writes the 7 in any image format."""

    def encode(image_format: str) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(test_images[0]).save(stream, image_format)
        return stream.getvalue()

    return encode
